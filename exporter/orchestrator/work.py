"""Machines and volumes, counted: by host, app and state, never one by one."""

from collections.abc import Sequence

from exporter.families import Row
from exporter.orchestrator.hosts import MEGABYTE
from exporter.orchestrator.state import Host, Machine, Volume
from exporter.orchestrator.tables import Definition, Pick, Sum

RECOVERIES = ("none", "placed", "serving", "held", "waiting")
# Of a hundred thousand label sets a few hundred change between two scrapes.
MANY, SOME = 8192, 1024


def _recovery_zeros(one: Host) -> Sequence[Row]:
    return [((step, one.region), 0.0) for step in RECOVERIES]


def _volume_rows(one: Volume) -> Sequence[Row]:
    return [((one.host, one.region, one.state), 1.0)]


def _snapshot_row(one: Volume) -> Row | None:
    return None if one.snapshot_at is None else ((one.app, one.region), one.snapshot_at)


def age(at: float, now: float) -> float:
    return max(0.0, now - at)


MACHINE_COUNTS: tuple[Definition, ...] = (
    Sum(
        "fleetmend_machines",
        "Machines by host, app and the state last known.",
        ("app", "host", "region", "state"),
        {Machine: lambda one: (((one.app, one.host, one.region, one.state), 1.0),)},
        leaves=MANY,
    ),
    Sum(
        "fleetmend_machines_recovery",
        "Machines by how far their replacement is.",
        ("recovery", "region"),
        {Host: _recovery_zeros, Machine: lambda one: (((one.recovery, one.region), 1.0),)},
    ),
    Sum(
        "fleetmend_machines_routable",
        "Machines that routing may show.",
        ("app", "region"),
        {Machine: lambda one: (((one.app, one.region), float(one.routable)),)},
        leaves=SOME,
    ),
)
VOLUME_COUNTS: tuple[Definition, ...] = (
    Sum("fleetmend_volumes", "Volumes by host and state.", ("host", "region", "state"), {Volume: _volume_rows}),
    Sum(
        "fleetmend_host_volumes_size_bytes",
        "Size that the volumes of a host may grow to.",
        ("host", "region"),
        {Volume: lambda one: [((one.host, one.region), one.size_mb * MEGABYTE)]},
        leaves=SOME,
    ),
    Sum(
        "fleetmend_host_volumes_used_bytes",
        "What the volumes of a host hold.",
        ("host", "region"),
        {Volume: lambda one: [((one.host, one.region), one.used_bytes)]},
        leaves=SOME,
    ),
    Sum(
        "fleetmend_app_volumes_size_bytes",
        "Size that the volumes of an app may grow to.",
        ("app", "region"),
        {Volume: lambda one: [((one.app, one.region), one.size_mb * MEGABYTE)]},
        leaves=SOME,
    ),
    Sum(
        "fleetmend_app_volumes_used_bytes",
        "What the volumes of an app hold.",
        ("app", "region"),
        {Volume: lambda one: [((one.app, one.region), one.used_bytes)]},
        leaves=SOME,
    ),
    Sum(
        "fleetmend_volumes_without_snapshot",
        "Volumes of which no snapshot was ever made.",
        ("region",),
        {Volume: lambda one: [((one.region,), float(one.snapshot_at is None))]},
    ),
    Pick(
        "fleetmend_snapshot_age_seconds",
        "Age of the newest snapshot of that volume of the app where it is oldest: what a restore would lose. "
        "Absent without any.",
        ("app", "region"),
        {Volume: _snapshot_row},
        min,
        age,
    ),
)
WORK = (*MACHINE_COUNTS, *VOLUME_COUNTS)
