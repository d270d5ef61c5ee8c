"""The prober's page: what it saw of each host, and its own health."""

from collections.abc import Callable, Sequence

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import gauge, gauges, one_hot
from exporter.probe.outcome import Outcome
from exporter.probe.prober import Prober
from exporter.probe.wire import Health, Result

SUBJECT = ("host", "region", "rack")


def build_result_families(results: Sequence[Result]) -> list[Metric]:
    seen = [((one.target.host, one.target.region, one.target.rack), one) for one in results]

    def rows(value: Callable[[Result], float]) -> list[tuple[tuple[str, str, str], float]]:
        return [(subject, value(one)) for subject, one in seen]

    return [
        gauges(
            "probe_success",
            "Whether the host answered the last probe as it should.",
            SUBJECT,
            rows(lambda one: float(one.outcome is Outcome.OK)),
        ),
        gauges(
            "probe_silent",
            "Whether nobody answered the last probe at all: the one outcome that counts towards dead.",
            SUBJECT,
            rows(lambda one: float(one.outcome is Outcome.SILENT)),
        ),
        gauges(
            "probe_outcome",
            "How the last probe ended: 1 for the outcome it had.",
            (*SUBJECT, "outcome"),
            one_hot([(subject, one.outcome) for subject, one in seen], list(Outcome)),
        ),
        gauges(
            "probe_duration_seconds",
            "How long the last probe took, or was waited for.",
            SUBJECT,
            rows(lambda one: one.seconds),
        ),
    ]


def build_health_families(health: Health, now: float) -> list[Metric]:
    return [
        gauge(
            "probe_vantage_loop_lag_seconds",
            "The longest that this prober's own timers were late in its last round.",
            health.loop_lag,
        ),
        gauge(
            "probe_vantage_gateway_ok", "Whether this prober's own way out is open.", float(health.gateway == "ok")
        ),
        gauge(
            "probe_vantage_heartbeat_timestamp_seconds",
            "When this prober last finished a round, by its own clock, in unix seconds.",
            now,
        ),
    ]


def read_probe_page(prober: Prober, clock: Clock) -> list[Metric]:
    finished = clock.now() - (clock.monotonic() - prober.round_ended)
    return build_result_families(prober.fresh_results()) + build_health_families(prober.health, finished)
