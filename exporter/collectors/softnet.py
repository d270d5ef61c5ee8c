"""Packets that each cpu took from the network, and could not take, from /proc/net/softnet_stat."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_present
from exporter.families import counters, gauges

# Column of the file, name after node_softnet_, help; kernels before 5.10 lack the last ones.
COLUMNS = (
    (0, "processed_total", "Number of processed packets"),
    (1, "dropped_total", "Number of dropped packets"),
    (2, "times_squeezed_total", "Number of times processing packets ran out of quota"),
    (8, "cpu_collision_total", "Number of collision occur while obtaining device lock while transmitting"),
    (9, "received_rps_total", "Number of times cpu woken up received_rps"),
    (10, "flow_limit_count_total", "Number of times flow limit has been reached"),
    (11, "backlog_len", "Softnet backlog status"),
)
FEWEST_COLUMNS = 9
CPU_COLUMN = 12


def parse_softnet(text: str) -> dict[str, list[int]]:
    """Counts by cpu; without its number in the line, cpus are numbered as they come. ValueError for a short line."""
    rows = [[int(count, 16) for count in line.split()] for line in text.splitlines()]
    if any(len(row) < FEWEST_COLUMNS for row in rows):
        raise ValueError(f"a line of softnet_stat has fewer than {FEWEST_COLUMNS} columns")
    return {str(row[CPU_COLUMN] if len(row) > CPU_COLUMN else cpu): row for cpu, row in enumerate(rows)}


def build_softnet_families(cpus: dict[str, list[int]]) -> list[Metric]:
    return [
        (counters if name.endswith("_total") else gauges)(
            f"node_softnet_{name}",
            text,
            ["cpu"],
            [([cpu], counts[column]) for cpu, counts in cpus.items() if column < len(counts)],
        )
        for column, name, text in COLUMNS
    ]


def read_softnet(procfs: Path) -> list[Metric]:
    return build_softnet_families(parse_softnet(read_present(f"{procfs}/net/softnet_stat")))
