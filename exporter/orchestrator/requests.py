"""What is asked for and not yet done: destroys, migrations, bursts; and the undead."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from exporter.families import Row
from exporter.orchestrator.state import Burst, Destroy, Host, Loan, Migration, Undead
from exporter.orchestrator.tables import Definition, Pick, Sum
from exporter.orchestrator.work import age

MIGRATION_STAGES = ("planned", "reserved", "copying", "starting", "verifying", "done", "rolled_back", "stuck")
BURST_STAGES = (
    "wanted",
    "coalesced",
    "approved",
    "requested",
    "provisioning",
    "joined",
    "consumed",
    "expired",
    "stuck",
)
HOST = ("host", "region")


def _zero(one: Host) -> Sequence[Row]:
    return [((one.name, one.region), 0.0)]


def _zeros(stages: Sequence[str]) -> Callable[[Host], Sequence[Row]]:
    return lambda one: [((one.region, stage), 0.0) for stage in stages]


def _stage_rows(one: Any) -> Sequence[Row]:
    return [((one.region, one.stage), 1.0)]


def _asked_row(one: Destroy) -> Row | None:
    return ((one.host, one.region), one.asked_at) if one.open else None


def _age_or_zero(oldest: float, now: float) -> float:
    return 0.0 if math.isinf(oldest) else age(oldest, now)


REQUESTS: tuple[Definition, ...] = (
    Sum(
        "fleetmend_destroy_backlog",
        "Destroys accepted whose machines have not been seen absent.",
        HOST,
        {Host: _zero, Destroy: lambda one: [((one.host, one.region), 1.0)] if one.open else []},
    ),
    Pick(
        "fleetmend_destroy_oldest_age_seconds",
        "Age of the oldest destroy that is not done; 0 without one.",
        HOST,
        {Host: lambda one: ((one.name, one.region), math.inf), Destroy: _asked_row},
        min,
        _age_or_zero,
    ),
    Sum(
        "fleetmend_undead_machines",
        "Machines that are condemned, and seen running.",
        HOST,
        {Host: _zero, Undead: lambda one: [((one.host, one.region), one.machines)]},
    ),
    Sum(
        "fleetmend_undead_seconds_total",
        "Seconds that condemned machines have been seen running, summed over machines.",
        HOST,
        {Host: _zero, Undead: lambda one: [((one.host, one.region), one.seconds_total)]},
        kind="counter",
    ),
    Sum(
        "fleetmend_migrations",
        "Migrations by stage.",
        ("region", "state"),
        {Host: _zeros(MIGRATION_STAGES), Migration: _stage_rows},
    ),
    Sum(
        "fleetmend_bursts",
        "Requests for new hosts by stage.",
        ("region", "state"),
        {Host: _zeros(BURST_STAGES), Burst: _stage_rows},
    ),
    Sum(
        "fleetmend_lent_host_idle_since_seconds",
        "Since when a host that a provider made for a burst has carried nothing; 0 while it is in use.",
        HOST,
        {Loan: lambda one: [((one.host, one.region), one.idle_since)]},
    ),
    Sum(
        "fleetmend_lent_host_awaited_since_seconds",
        "When a host was asked for that has not joined; 0 once it has.",
        HOST,
        {Loan: lambda one: [((one.host, one.region), one.awaited_since)]},
    ),
)
