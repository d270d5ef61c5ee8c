"""Pressure stall information, from /proc/pressure; a kernel without it has no data, many tell nothing of irq."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_optional, read_text
from exporter.errors import NoData
from exporter.families import counter

# Resource, line of its file, name after node_pressure_, help.
SERIES = (
    ("cpu", "some", "cpu_waiting", "Total time in seconds that processes have waited for CPU time"),
    ("io", "some", "io_waiting", "Total time in seconds that processes have waited due to IO congestion"),
    ("io", "full", "io_stalled", "Total time in seconds no process could make progress due to IO congestion"),
    ("memory", "some", "memory_waiting", "Total time in seconds that processes have waited for memory"),
    (
        "memory",
        "full",
        "memory_stalled",
        "Total time in seconds no process could make progress due to memory congestion",
    ),
    ("irq", "full", "irq_stalled", "Total time in seconds no process could make progress due to IRQ congestion"),
)


def parse_pressure(text: str) -> dict[str, float]:
    """Total seconds by line: ``some`` (at least one task waited) and ``full`` (all did)."""
    totals: dict[str, float] = {}
    for line in text.splitlines():
        kind, *fields = line.split()
        values = dict(field.split("=", 1) for field in fields)
        totals[kind] = int(values["total"]) / 1000 / 1000
    return totals


def read_pressure(procfs: Path) -> list[Metric]:
    folder = f"{procfs}/pressure"
    totals = {resource: _read_totals(f"{folder}/{resource}") for resource in ("cpu", "io", "memory")}
    totals["irq"] = _read_if_present(f"{folder}/irq")
    return [
        counter(f"node_pressure_{name}_seconds_total", text, totals[resource][line])
        for resource, line, name, text in SERIES
        if line in totals[resource]
    ]


def _read_totals(path: str) -> dict[str, float]:
    try:
        return parse_pressure(read_text(path))
    except OSError as error:
        # ENOTSUP: built in, but switched off at boot.
        raise NoData(f"{path}: {error.strerror}") from None


def _read_if_present(path: str) -> dict[str, float]:
    """Empty where the kernel does not account for the time that interrupts take."""
    return parse_pressure(read_optional(path) or "")
