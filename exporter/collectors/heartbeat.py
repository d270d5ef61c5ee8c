"""A sign of life with our own time: a pushed page that is no longer renewed ages visibly."""

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import gauge


def read_heartbeat(clock: Clock) -> list[Metric]:
    text = "When this page was made, by the host's own clock, in unix seconds."
    return [gauge("fleetmend_heartbeat_timestamp_seconds", text, clock.now())]
