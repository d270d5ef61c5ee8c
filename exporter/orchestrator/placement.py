"""Searches for a place: how many, how many found none, and what still waits."""

from collections.abc import Sequence

from exporter.families import Row
from exporter.orchestrator.state import Failure, Host, Requested, Unmet
from exporter.orchestrator.tables import Definition, Sum


def _zero(one: Host) -> Sequence[Row]:
    return [((one.region,), 0.0)]


PLACEMENT: tuple[Definition, ...] = (
    Sum(
        "fleetmend_placement_requests_total",
        "Machines and volumes for which a place was sought.",
        ("region",),
        {Host: _zero, Requested: lambda one: [((one.region,), one.count)]},
        kind="counter",
    ),
    Sum(
        "fleetmend_placement_failures_total",
        "Searches for a place that found none, by reason.",
        ("reason", "region"),
        {Failure: lambda one: [((one.reason, one.region), one.count)]},
        kind="counter",
    ),
    Sum(
        "fleetmend_placement_unmet",
        "Machines and volumes that wait for room now.",
        ("region",),
        {Host: _zero, Unmet: lambda one: [((one.region,), one.count)]},
    ),
)
