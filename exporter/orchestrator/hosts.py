"""Hosts, and what room they have."""

from collections import Counter
from collections.abc import Callable

from prometheus_client.metrics_core import Metric

from exporter.families import gauges, one_hot
from exporter.orchestrator.state import Host, State

STATUSES = ("ok", "unknown", "unreachable")
LIVES = ("healthy", "suspect", "dead", "returning", "probation", "retired")
MEGABYTE = 1024 * 1024
PLACE = ("host", "region", "rack")


def build_host_families(state: State) -> list[Metric]:
    places = [((one.name, one.region, one.rack), one) for one in state.hosts]
    return [
        gauges(
            "host_inventory_info",
            "Hosts that are expected to exist, dead ones too; the value is always 1.",
            (*PLACE, "role", "provider"),
            [((*place, one.role, one.provider), 1.0) for place, one in places],
        ),
        gauges(
            "fleetmend_host_status",
            "Whether the host can be reached: 1 for the status it has.",
            (*PLACE, "status"),
            one_hot([(place, one.status) for place, one in places], STATUSES),
        ),
        gauges(
            "fleetmend_host_life",
            "Where the host is in its life: 1 for the state it is in.",
            (*PLACE, "life"),
            one_hot([(place, one.life) for place, one in places], LIVES),
        ),
        gauges(
            "fleetmend_host_cordoned",
            "Whether the host is kept from taking new work.",
            PLACE,
            [(place, float(one.cordoned)) for place, one in places],
        ),
        _status_counts(state),
    ]


def _status_counts(state: State) -> Metric:
    counted = Counter((one.region, one.status) for one in state.hosts)
    rows = [((region, status), float(counted[region, status])) for region in state.regions for status in STATUSES]
    return gauges("fleetmend_hosts", "Hosts by region and status.", ("region", "status"), rows)


def build_room_families(state: State) -> list[Metric]:
    """Capacity of every host that is not retired; what is free, on hosts that take work only."""
    there = [one for one in state.hosts if one.life != "retired"]
    open_ = [one for one in state.hosts if one.takes_work]
    regions = state.regions
    return [
        *_resources("capacity", "of all hosts that are not retired", there, regions),
        *_resources("free", "free on hosts that take work", open_, regions),
        _by_region(
            "fleetmend_region_largest_free_memory_bytes",
            "The most memory free on one host that takes work: no larger machine can be placed.",
            regions,
            lambda region: MEGABYTE * max((one.free.memory_mb for one in open_ if one.region == region), default=0),
        ),
        _by_region(
            "fleetmend_region_largest_free_disk_bytes",
            "The most disk free on one host that takes work: no larger volume can be placed.",
            regions,
            lambda region: MEGABYTE * max((one.free.disk_mb for one in open_ if one.region == region), default=0),
        ),
    ]


def _resources(kind: str, words: str, hosts: list[Host], regions: list[str]) -> list[Metric]:
    def total(amount: Callable[[Host], float]) -> Callable[[str], float]:
        return lambda region: sum(amount(one) for one in hosts if one.region == region)

    def of(one: Host) -> tuple[float, float, float]:
        found = one.capacity if kind == "capacity" else one.free
        return found.cpus, found.memory_mb * MEGABYTE, found.disk_mb * MEGABYTE

    return [
        _by_region(f"fleetmend_region_{kind}_cpus", f"CPUs {words}.", regions, total(lambda one: of(one)[0])),
        _by_region(
            f"fleetmend_region_{kind}_memory_bytes", f"Memory {words}.", regions, total(lambda one: of(one)[1])
        ),
        _by_region(f"fleetmend_region_{kind}_disk_bytes", f"Disk {words}.", regions, total(lambda one: of(one)[2])),
    ]


def _by_region(name: str, text: str, regions: list[str], value: Callable[[str], float]) -> Metric:
    return gauges(name, text, ["region"], [([region], float(value(region))) for region in regions])
