"""Time that tasks ran and waited on each cpu, from /proc/schedstat; no data where the scheduler keeps none."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_present
from exporter.families import counters

NANOSECONDS = 1e9
# Column after the cpu's name, unit of one count, name after node_schedstat_, help.
COLUMNS = (
    (7, NANOSECONDS, "running_seconds_total", "Number of seconds CPU spent running a process."),
    (8, NANOSECONDS, "waiting_seconds_total", "Number of seconds spent by processing waiting for this CPU."),
    (9, 1, "timeslices_total", "Number of timeslices executed by CPU."),
)


def parse_schedstat(text: str) -> dict[str, list[str]]:
    """The columns of each cpu's line, its name first; lines of scheduling domains are passed over."""
    rows = (line.split() for line in text.splitlines() if line.startswith("cpu"))
    return {row[0].removeprefix("cpu"): row for row in rows}


def build_schedstat_families(cpus: dict[str, list[str]]) -> list[Metric]:
    return [
        counters(
            f"node_schedstat_{name}", text, ["cpu"], [([cpu], int(row[column]) / unit) for cpu, row in cpus.items()]
        )
        for column, unit, name, text in COLUMNS
    ]


def read_schedstat(procfs: Path) -> list[Metric]:
    return build_schedstat_families(parse_schedstat(read_present(f"{procfs}/schedstat")))
