"""Hosts, and what room they have."""

import math
from collections.abc import Callable, Iterable, Sequence

from exporter.families import Row
from exporter.orchestrator.state import Host, Resources
from exporter.orchestrator.tables import Definition, Pick, Sum

STATUSES = ("ok", "unknown", "unreachable")
LIVES = ("healthy", "suspect", "dead", "returning", "probation", "retired")
MEGABYTE = 1024 * 1024
PLACE = ("host", "rack", "region")
# A thousand hosts, of which a few change between two scrapes.
LEAVES = 256


def place_of(one: Host) -> tuple[str, str, str]:
    return one.name, one.rack, one.region


def _inventory_rows(one: Host) -> Sequence[Row]:
    return [((one.name, one.provider, one.rack, one.region, one.role), 1.0)]


def _status_rows(one: Host) -> Sequence[Row]:
    return [((*place_of(one), status), float(status == one.status)) for status in STATUSES]


def _life_rows(one: Host) -> Sequence[Row]:
    return [((one.name, life, one.rack, one.region), float(life == one.life)) for life in LIVES]


def _cordoned_rows(one: Host) -> Sequence[Row]:
    return [(place_of(one), float(one.cordoned))]


def _count_rows(one: Host) -> Sequence[Row]:
    return [((one.region, status), float(status == one.status)) for status in STATUSES]


HOSTS: tuple[Definition, ...] = (
    Sum(
        "host_inventory_info",
        "Hosts that are expected to exist, dead ones too; the value is always 1.",
        ("host", "provider", "rack", "region", "role"),
        {Host: _inventory_rows},
        leaves=LEAVES,
    ),
    Sum(
        "fleetmend_host_status",
        "Whether the host can be reached: 1 for the status it has.",
        (*PLACE, "status"),
        {Host: _status_rows},
        leaves=LEAVES,
    ),
    Sum(
        "fleetmend_host_life",
        "Where the host is in its life: 1 for the state it is in.",
        ("host", "life", "rack", "region"),
        {Host: _life_rows},
        leaves=LEAVES,
    ),
    Sum(
        "fleetmend_host_cordoned",
        "Whether the host is kept from taking new work.",
        PLACE,
        {Host: _cordoned_rows},
        leaves=LEAVES,
    ),
    Sum("fleetmend_hosts", "Hosts by region and status.", ("region", "status"), {Host: _count_rows}),
)


def _capacity(one: Host) -> Resources:
    return one.capacity if one.life != "retired" else Resources()


def _free(one: Host) -> Resources:
    return one.free if one.takes_work else Resources()


def _by_region(of: Callable[[Host], Resources], amount: Callable[[Resources], float]) -> Callable[[Host], Row]:
    return lambda one: ((one.region,), amount(of(one)))


AMOUNTS: tuple[tuple[str, str, Callable[[Resources], float]], ...] = (
    ("cpus", "CPUs", lambda has: has.cpus),
    ("memory_bytes", "Memory", lambda has: has.memory_mb * MEGABYTE),
    ("disk_bytes", "Disk", lambda has: has.disk_mb * MEGABYTE),
)


def _room(
    prefix: str, words: str, of: Callable[[Host], Resources], reduce: Callable[[Iterable[float]], float]
) -> list[Definition]:
    return [
        Pick(f"{prefix}_{unit}", f"{what} {words}", ("region",), {Host: _by_region(of, amount)}, reduce)
        for unit, what, amount in AMOUNTS
    ]


ROOM: tuple[Definition, ...] = (
    *_room("fleetmend_region_capacity", "of all hosts that are not retired.", _capacity, math.fsum),
    *_room("fleetmend_region_free", "free on hosts that take work.", _free, math.fsum),
    *_room(
        "fleetmend_region_largest_free",
        "free on the one host, of those that take work, that has most: nothing larger can be placed.",
        _free,
        max,
    ),
)
