"""Keeps a page below the size that a store would refuse: better a page without its detail than none."""

from collections.abc import Sequence

from prometheus_client.metrics_core import Metric

from exporter.families import Family, Row, count_rows, gauges
from exporter.render import render_lasting, render_lines, render_text

# What goes first: each machine and volume by itself; then, if that is not enough, what is counted most finely.
DROPPED_FIRST = (
    "fleetmend_machine_info",
    "fleetmend_volume_snapshot_age_seconds",
    "fleetmend_volume_used_bytes",
    "fleetmend_volume_size_bytes",
    "fleetmend_machines",
    "fleetmend_machines_routable",
)
# For what is not measured: heads, and where lines differ from those that were looked at.
MARGIN = 64 * 1024
SAMPLE = 100


def trim(families: Sequence[Metric], limit: int) -> list[Metric]:
    """The families, without as many of ``DROPPED_FIRST`` as it takes; says how many samples were left out."""
    droppable = {one.name: one for one in families if one.name in DROPPED_FIRST}
    if not droppable:
        return list(families)
    excess = sum(measure(one) for one in families) + MARGIN - limit
    dropped: set[str] = set()
    for name in DROPPED_FIRST:
        if excess > 0 and name in droppable:
            dropped.add(name)
            excess -= measure(droppable[name])
    rows = [((name,), float(count_rows(one) if name in dropped else 0)) for name, one in droppable.items()]
    told = gauges(
        "fleetmend_orchestrator_dropped_samples",
        "Samples of a family that were left out to keep the page below its limit.",
        ("family",),
        rows,
    )
    return sorted([*(one for one in families if one.name not in dropped), told], key=lambda one: one.name)


def measure(family: Metric) -> int:
    """About its bytes on a page. What is lasting and written for this is not written again for the page."""
    if not isinstance(family, Family):
        return len(render_text([family]))
    lasting = sum(len(render_lasting(family, piece)) for piece in family.pieces if piece.lasting)
    passing = [family.rows, *(piece.rows for piece in family.pieces if not piece.lasting)]
    return lasting + sum(_estimate(family, rows) for rows in passing)


def _estimate(family: Family, rows: Sequence[Row]) -> int:
    sample = rows[:SAMPLE]
    return len(render_lines(family, sample)) * len(rows) // max(1, len(sample))
