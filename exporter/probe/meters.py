"""What a prober counts of itself: so that one that is sick can be told from sick targets."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.metrics_core import HistogramMetricFamily, Metric

from exporter.families import counter, counters
from exporter.probe.outcome import Outcome

# Seconds; the last bucket is whatever is longer.
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Meters:
    """How late probes began, how they ended, how many were passed over."""

    def __init__(self) -> None:
        self._late = [0] * (len(BUCKETS) + 1)
        self._late_seconds = 0.0
        self._ended = dict.fromkeys(Outcome, 0)
        self.skipped = 0

    def began(self, late: float) -> None:
        """A probe set out so many seconds after its turn."""
        self._late[bisect_left(BUCKETS, late)] += 1
        self._late_seconds += late

    def ended(self, outcome: Outcome) -> None:
        self._ended[outcome] += 1

    def families(self) -> list[Metric]:
        return [
            build_lag_family(self._late, self._late_seconds),
            counters(
                "probe_vantage_probes_total",
                "Probes by how they ended; error_here is this prober's own fault.",
                ("outcome",),
                [((outcome,), float(number)) for outcome, number in self._ended.items()],
            ),
            counter(
                "probe_vantage_probes_skipped_total",
                "Probes that this prober passed over, for it could not keep up.",
                float(self.skipped),
            ),
        ]


def build_lag_family(late: Sequence[int], seconds: float) -> Metric:
    bounds = [*map(str, BUCKETS), "+Inf"]
    return HistogramMetricFamily(
        "probe_vantage_schedule_lag_seconds",
        "How much later than planned probes began.",
        buckets=list(zip(bounds, map(float, accumulate(late)), strict=True)),
        sum_value=seconds,
    )
