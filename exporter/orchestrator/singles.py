"""Each machine and each volume by itself: many series, so only for those who ask for them."""

from collections.abc import Callable, Sequence

from exporter.families import Row
from exporter.orchestrator.hosts import MEGABYTE
from exporter.orchestrator.state import Machine, Volume
from exporter.orchestrator.tables import Definition, Pick, Sum
from exporter.orchestrator.work import MANY, SOME, age

VOLUME = ("app", "host", "region", "volume")


def _volume(amount: Callable[[Volume], float]) -> Callable[[Volume], Sequence[Row]]:
    return lambda one: [((one.app, one.host, one.region, one.id), amount(one))]


def _snapshot_row(one: Volume) -> Row | None:
    return None if one.snapshot_at is None else ((one.app, one.host, one.region, one.id), one.snapshot_at)


MACHINES: tuple[Definition, ...] = (
    Sum(
        "fleetmend_machine_info",
        "Each machine, where it is, and the state last known; the value is always 1.",
        ("app", "host", "machine", "region", "state"),
        {Machine: lambda one: (((one.app, one.host, one.id, one.region, one.state), 1.0),)},
        leaves=MANY,
    ),
)
VOLUMES: tuple[Definition, ...] = (
    Sum(
        "fleetmend_volume_size_bytes",
        "Size a volume may grow to.",
        VOLUME,
        {Volume: _volume(lambda one: one.size_mb * MEGABYTE)},
        leaves=SOME,
    ),
    Sum(
        "fleetmend_volume_used_bytes",
        "What a volume holds.",
        VOLUME,
        {Volume: _volume(lambda one: one.used_bytes)},
        leaves=SOME,
    ),
    Pick(
        "fleetmend_volume_snapshot_age_seconds",
        "Age of a volume's newest snapshot: what a restore would lose. Absent without one.",
        VOLUME,
        {Volume: _snapshot_row},
        min,
        age,
    ),
)
