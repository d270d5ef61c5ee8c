"""How the privileged reader's sources are: how old what they say is, and which of them hangs."""

import json

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import Row, gauges, one_hot
from exporter.kit import Ask
from exporter.reader.outcome import STATES

STATUS = "status"


def parse_status(output: str) -> dict[str, dict[str, float | str]]:
    """By source; ValueError for what is no such list."""
    status = json.loads(output)
    if not isinstance(status, dict):
        raise ValueError("the reader's status is no object")  # noqa: TRY004
    return status


def build_reader_families(status: dict[str, dict[str, float | str]], now: float) -> list[Metric]:
    answered = {source: one for source, one in status.items() if one["at"]}
    ages: list[Row] = [((source,), max(0.0, now - float(one["at"]))) for source, one in answered.items()]
    return [
        gauges(
            "fleetmend_reader_source_state",
            "How the privileged reader's last run of each source ended: 1 for the state it is in.",
            ["source", "state"],
            one_hot([((source,), str(one["state"])) for source, one in status.items()], STATES),
        ),
        gauges(
            "fleetmend_reader_age_seconds",
            "How long ago was asked what the source's newest good output says; sources that are slow are not asked "
            "at each scrape.",
            ["source"],
            ages,
        ),
        gauges(
            "fleetmend_reader_run_seconds",
            "How long the run took that gave the source's newest good output.",
            ["source"],
            [((source,), float(one["seconds"])) for source, one in answered.items()],
        ),
        gauges(
            "fleetmend_reader_outstanding_seconds",
            "How long the source's run has been under way that has not come back; 0 without one.",
            ["source"],
            [((source,), float(one["waited"])) for source, one in status.items()],
        ),
    ]


def read_reader(ask: Ask, clock: Clock) -> list[Metric]:
    """Raises NoData without a reader."""
    return build_reader_families(parse_status(ask(STATUS).output), clock.now())
