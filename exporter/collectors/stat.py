"""Forks, context switches, interrupts, boot time and task counts, from /proc/stat."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import counter, gauge

# Key in the file, metric, help.
COUNTERS = (
    ("ctxt", "node_context_switches_total", "Total number of context switches."),
    ("intr", "node_intr_total", "Total number of interrupts serviced."),
    ("processes", "node_forks_total", "Total number of forks."),
)
GAUGES = (
    ("btime", "node_boot_time_seconds", "Node boot time, in unixtime."),
    ("procs_running", "node_procs_running", "Number of processes in runnable state."),
    ("procs_blocked", "node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
)


def parse_stat(text: str) -> dict[str, int]:
    """The first number of each line that is no cpu's, by its key."""
    rows = (line.split(maxsplit=2) for line in text.splitlines() if not line.startswith("cpu"))
    return {row[0]: int(row[1]) for row in rows if len(row) > 1}


def read_stat(procfs: Path) -> list[Metric]:
    values = parse_stat(read_text(f"{procfs}/stat"))
    return [
        *(counter(name, text, values[key]) for key, name, text in COUNTERS if key in values),
        *(gauge(name, text, values[key]) for key, name, text in GAUGES if key in values),
    ]
