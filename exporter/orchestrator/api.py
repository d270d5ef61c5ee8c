"""The orchestrator's API: requests, how long they took, and which version has answered since when."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from exporter.orchestrator.state import ApiCount, Deploy
from exporter.orchestrator.tables import Definition, Sum, Table
from exporter.render import go_number


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram by operation and version, of counts by code."""

    name: str
    text: str

    def table(self) -> Table:
        return Histograms(self)


class Histograms:
    """``Durations``, kept: a few dozen counts, written anew when one of them changes."""

    of: Mapping[type, Any] = {ApiCount: None}

    def __init__(self, definition: Durations) -> None:
        self._definition = definition
        self.clear()

    def clear(self) -> None:
        self._counts: dict[str, ApiCount] = {}
        self._written: Metric | None = None

    def change(self, key: str, _old: Any, new: Any) -> None:
        self._written = None
        if new is None:
            del self._counts[key]
        else:
            self._counts[key] = new

    def family(self, _now: float) -> Metric:
        if self._written is None:
            self._written = self._build()
        return self._written

    def _build(self) -> Metric:
        one = self._definition
        family = HistogramMetricFamily(one.name, one.text, labels=("operation", "version"))
        by_operation: defaultdict[tuple[str, str], list[ApiCount]] = defaultdict(list)
        for count in self._counts.values():
            by_operation[count.operation, count.version].append(count)
        for key, counts in sorted(by_operation.items()):
            family.add_metric(key, _buckets(counts), sum(count.seconds for count in counts))
        return family


def _buckets(counts: Iterable[ApiCount]) -> list[tuple[str, float]]:
    """Cumulative, the last without bound: the only one that the version before ours lets us tell."""
    summed: Counter[float] = Counter()
    for one in counts:
        summed.update(dict([*one.buckets, (float("inf"), one.count)]))
    return [(go_number(bound), summed[bound]) for bound in sorted(summed)]


API: tuple[Definition, ...] = (
    Sum(
        "fleetmend_api_requests_total",
        "API requests answered, by operation, version of the remediator and status code.",
        ("code", "operation", "version"),
        {ApiCount: lambda one: [((one.code, one.operation, one.version), one.count)]},
        kind="counter",
    ),
    Durations("fleetmend_api_request_duration_seconds", "Time taken to answer API requests."),
    Sum(
        "fleetmend_deploy_timestamp_seconds",
        "When a version was first seen running, in unix seconds.",
        ("version",),
        {Deploy: lambda one: [((one.version,), one.at)]},
    ),
)
