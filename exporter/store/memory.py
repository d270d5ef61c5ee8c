"""What is known of the store, and the page that tells it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import Row, counter, counters, gauge, gauges
from exporter.render import go_number
from exporter.store.answers import Reason
from exporter.store.canary import Outcome
from exporter.store.flags import HEARTBEAT

# Upper bounds in seconds: stores that are well answer within some hundredths, sick ones take tens of seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# A start that was told with another rounding is no restart.
SAME_START = 1.0


class Memory:
    """Counts since our own start; outcomes of the last round."""

    def __init__(self, names: Sequence[str], clock: Clock) -> None:
        self._clock = clock
        self._names = names
        self._last: dict[str, Outcome] = {}
        self._errors: Counter[tuple[str, Reason]] = Counter()
        self._buckets = {name: [0] * (len(BUCKETS) + 1) for name in names}
        self._seconds = dict.fromkeys(names, 0.0)
        self._restarts = 0
        self._start: float | None = None
        self._series: float | None = None
        self._heartbeat: float | None = None

    def note(self, name: str, outcome: Outcome) -> None:
        self._last[name] = outcome
        self._buckets[name][bisect_left(BUCKETS, outcome.seconds)] += 1
        self._seconds[name] += outcome.seconds
        if outcome.reason is not None:
            self._errors[name, outcome.reason] += 1
        if name == HEARTBEAT and outcome.value is not None:
            # A store that answers with an older one does not make the newest that was seen unseen.
            self._heartbeat = max(outcome.value, self._heartbeat or 0.0)

    def note_start(self, start: float) -> None:
        if self._start is not None and abs(start - self._start) > SAME_START:
            self._restarts += 1
        self._start = start

    def note_series(self, count: float | None) -> None:
        self._series = count

    def read(self) -> list[Metric]:
        if not self._last:
            return []
        answered = any(one.reason is None for one in self._last.values())
        return [
            gauge("fleetmend_store_up", "Whether any canary query was answered in the last round.", float(answered)),
            *self._canary_families(),
            *self._store_families(),
        ]

    def _canary_families(self) -> list[Metric]:
        outcomes = self._last.items()
        errors: list[Row] = [
            ((name, reason.value), float(self._errors[name, reason])) for name in self._names for reason in Reason
        ]
        partial = sum(self._errors[name, Reason.PARTIAL] for name in self._names)
        return [
            gauges(
                "fleetmend_store_canary_success",
                "Whether the last canary query was answered, in time and whole.",
                ("query",),
                [((name,), float(one.reason is None)) for name, one in outcomes],
            ),
            self._durations(),
            counters(
                "fleetmend_store_canary_errors_total",
                "Canary queries without an answer that can be trusted, by reason.",
                ("query", "reason"),
                errors,
            ),
            counter(
                "fleetmend_store_partial_answers_total",
                "Answers of which the store itself said that a part is missing.",
                float(partial),
            ),
        ]

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "fleetmend_store_canary_duration_seconds",
            "Time that canary queries took; one that was given up counts with its timeout.",
            labels=("query",),
        )
        for name in self._names:
            counts = accumulate(self._buckets[name])
            bounds = (*(go_number(bound) for bound in BUCKETS), "+Inf")
            family.add_metric((name,), list(zip(bounds, counts, strict=True)), self._seconds[name])
        return family

    def _store_families(self) -> list[Metric]:
        told = [
            counter(
                "fleetmend_store_restarts_total",
                "Restarts of the store that were seen on its own page.",
                float(self._restarts),
            )
        ]
        if self._heartbeat is not None:
            text = "Age of the newest heartbeat that was ever read from the store."
            age = max(0.0, self._clock.now() - self._heartbeat)
            told.append(gauge("fleetmend_store_heartbeat_age_seconds", text, age))
        if self._start is not None:
            text = "When the store started, in unix seconds, by its own page."
            told.append(gauge("fleetmend_store_start_timestamp_seconds", text, self._start))
        if self._series is not None:
            text = "Series that the store holds now: of the last hour (VictoriaMetrics), in the head (Prometheus)."
            told.append(gauge("fleetmend_store_series", text, self._series))
        return told
