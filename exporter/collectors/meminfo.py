"""Memory, from /proc/meminfo."""

import re
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import gauge

IN_BRACKETS = re.compile(r"\((.*)\)")


def parse_meminfo(text: str) -> dict[str, float]:
    """Fields by node_exporter's names: ``Active(anon)`` in kB is ``Active_anon_bytes``, plain counts keep theirs."""
    rows = (line.split() for line in text.splitlines() if ":" in line)
    return dict(_field(row) for row in rows)


def _field(row: list[str]) -> tuple[str, float]:
    name = row[0].rstrip(":")
    name = IN_BRACKETS.sub(r"_\1", name) if "(" in name else name
    if len(row) > 2:
        return f"{name}_bytes", float(row[1]) * 1024
    return name, float(row[1])


def read_meminfo(procfs: Path) -> list[Metric]:
    fields = parse_meminfo(read_text(f"{procfs}/meminfo"))
    return [
        gauge(f"node_memory_{name}", f"Memory information field {name}.", value) for name, value in fields.items()
    ]
