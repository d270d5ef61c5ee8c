"""The remediator's own metrics page, with a registry of its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from remediator.model.evidence import VerdictKind
from remediator.model.policy import InForce

TICK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PLACE = ("host", "region", "rack")


@dataclass(frozen=True, slots=True)
class Reading:
    """What is so at the moment of a scrape; ``now`` in unix seconds.

    ``assigned`` holds (host, region, rack, vantage), ``verdicts`` (host, region, rack) to the verdict,
    ``holds`` (playbook, reason) to how many, ``modes`` playbook to mode,
    ``alerts`` (alertname, alertstate, host, region, rack), ``can_act`` (host, region, rack, blocker).
    """

    now: float
    gate_open: bool = False
    frozen: bool = False
    assigned: tuple[tuple[str, str, str, str], ...] = ()
    verdicts: Mapping[tuple[str, str, str], VerdictKind] = field(default_factory=dict)
    holds: Mapping[tuple[str, str], int] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    alerts: tuple[tuple[str, str, str, str, str], ...] = ()
    operations_open: int = 0
    agents_connected: int = 0
    vantages_reporting: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)
    can_act: tuple[tuple[str, str, str, str], ...] = ()


class Telemetry:
    """Counts what happens as it happens, and asks ``reading`` for what is so; safe to call from any thread."""

    def __init__(self, version: str, reading: Callable[[], Reading]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Current(reading))
        self._decisions = self._counter("decisions", "Decisions taken.", "playbook", "action", "outcome")
        self._operations = self._counter("operations", "Operations that came to an end.", "verb", "result")
        self._evaluations = self._counter("rule_evaluations", "Rule group evaluations.", "group")
        self._failures = self._counter("rule_evaluation_failures", "Rule group evaluations that failed.", "group")
        self._missed = self._counter("rule_group_iterations_missed", "Evaluation slots that went by unused.", "group")
        self._canary_failures = self._counter("store_canary_failures", "Canary queries that spoke against the store.")
        self._journalled = self._counter("journal_entries", "Entries written to the journal.")
        self._evaluating = self._gauge("rule_evaluation_duration_seconds", "Length of the last evaluation.", "group")
        self._reload = self._gauge("config_last_reload_successful", "Whether the last read of the rules succeeded.")
        self._reloaded_at = self._gauge(
            "config_last_reload_success_timestamp_seconds", "Since when the rules in force are in force."
        )
        self._canary = self._gauge("store_canary_seconds", "How long the last canary query took.")
        self._build = self._gauge("build_info", "A constant 1, labelled by version.", "component", "version")
        self._build.labels("remediator", version).set(1)
        # Whoever waits for the lease has a page of its own, which says 0.
        self._gauge("leader", "Whether this remediator leads.").set(1)
        self._ticks = Histogram(
            "fleetmend_tick_duration_seconds", "Length of one tick.", registry=self._registry, buckets=TICK_BUCKETS
        )

    def decided(self, playbook: str, action: str, outcome: str) -> None:
        self._decisions.labels(playbook, action, outcome).inc()

    def operated(self, verb: str, result: str) -> None:
        self._operations.labels(verb, result).inc()

    def ticked(self, seconds: float) -> None:
        self._ticks.observe(seconds)

    def evaluated(self, group: str, seconds: float, *, failed: bool) -> None:
        """One evaluation of a rule group; both counters exist from its first one on."""
        self._evaluations.labels(group).inc()
        self._failures.labels(group).inc(int(failed))
        self._missed.labels(group).inc(0)
        self._evaluating.labels(group).set(seconds)

    def missed(self, group: str, slots: int = 1) -> None:
        self._missed.labels(group).inc(slots)

    def reloaded(self, rules: InForce) -> None:
        self._reload.set(int(not rules.refused))
        self._reloaded_at.set(rules.since.timestamp())

    def canary_seen(self, seconds: float) -> None:
        self._canary.set(seconds)

    def canary_failed(self) -> None:
        self._canary_failures.inc()

    def journalled(self, entries: int = 1) -> None:
        self._journalled.inc(entries)

    def add(self, part: Collector) -> None:
        """Another part's own metrics on the same page."""
        self._registry.register(part)

    def page(self) -> bytes:
        """The page in Prometheus' text format."""
        return generate_latest(_WithoutBirthdays(self._registry))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"fleetmend_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"fleetmend_{name}", text, labels, registry=self._registry)


class _Current:
    """Gauges built anew for each scrape, so that nothing outlives its cause."""

    def __init__(self, reading: Callable[[], Reading]) -> None:
        self._reading = reading

    def collect(self) -> Iterable[Metric]:
        now = self._reading()
        yield from (_assigned(now), _verdicts(now), _weights(now), _holds(now))
        yield from (_modes(now), _alerts(now), _can_act(now))
        plain = {
            "gate_open": ("Whether the metrics store is trusted.", int(now.gate_open)),
            "frozen": ("Whether all automatic acting is stopped.", int(now.frozen)),
            "operations_open": ("Operations written and not yet ended.", now.operations_open),
            "agents_connected": ("Agents with an open channel.", now.agents_connected),
            "vantages_reporting": ("Vantages whose last report is fresh.", now.vantages_reporting),
            "heartbeat_timestamp_seconds": ("When this page was made.", now.now),
        }
        for name, (text, value) in plain.items():
            yield GaugeMetricFamily(f"fleetmend_{name}", text, value=value)


def _assigned(now: Reading) -> Metric:
    family = GaugeMetricFamily(
        "probe_assigned", "Who is to probe whom: the denominator of every vote.", labels=(*PLACE, "vantage")
    )
    for row in now.assigned:
        family.add_metric(row, 1)
    return family


def _verdicts(now: Reading) -> Metric:
    family = GaugeMetricFamily("fleetmend_verdict", "What direct evidence amounts to.", labels=(*PLACE, "verdict"))
    for place, verdict in now.verdicts.items():
        family.add_metric((*place, verdict.value), 1)
    return family


def _weights(now: Reading) -> Metric:
    family = GaugeMetricFamily(
        "fleetmend_vantage_weight", "How much the silence of a vantage counts, 0 to 1.", labels=("vantage",)
    )
    for vantage, weight in now.weights.items():
        family.add_metric((vantage,), weight)
    return family


def _holds(now: Reading) -> Metric:
    family = GaugeMetricFamily("fleetmend_holds", "Steps held at this moment.", labels=("playbook", "reason"))
    for labels, count in now.holds.items():
        family.add_metric(labels, count)
    return family


def _modes(now: Reading) -> Metric:
    family = GaugeMetricFamily("fleetmend_playbook_mode", "Each playbook's mode.", labels=("playbook", "mode"))
    for labels in now.modes.items():
        family.add_metric(labels, 1)
    return family


def _alerts(now: Reading) -> Metric:
    labels = ("alertname", "alertstate", *PLACE)
    text = "Alerts pending and firing, where they cannot be written to the store."
    family = GaugeMetricFamily("ALERTS", text, labels=labels)
    for row in now.alerts:
        family.add_metric(row, 1)
    return family


def _can_act(now: Reading) -> Metric:
    family = GaugeMetricFamily(
        "fleetmend_can_act",
        "Whether a host that died now would be acted on: 1, or 0 with what blocks it.",
        labels=(*PLACE, "blocker"),
    )
    for row in now.can_act:
        family.add_metric(row, int(not row[-1]))
    return family


class _WithoutBirthdays(CollectorRegistry):
    """The same registry without the ``_created`` series that the library adds to each counter."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._whole = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._whole.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
