"""A migration step by step, its way back before the switch, and its ends; bursts and demands likewise."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.engine.machines import bursts
from remediator.engine.machines.migrations import HANGS_AFTER, STUCK_AFTER, STUCK_COPY_AFTER, advance, copy_of
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, HostStatus, Life
from remediator.model.machine import MachineState
from remediator.model.request import (
    STOP_HANGS,
    Burst,
    BurstStage,
    Demand,
    Migration,
    MigrationStage,
    Operation,
    Stage,
)
from tests.remediator.builders import NOON, SECOND, dead, fleet, host, machine, operation, returning, verdict, volume

M = MigrationStage
HOMES = (host("h1"), host("h2", "r2"))
PLANNED = Migration("g1", "m1", "web", "h1", "h2", NOON, "disk full")


def at(stage: MigrationStage, **more: Any) -> Migration:
    return replace(PLANNED, stage=stage, moved_at=NOON, **more)


def done(key: str) -> Operation:
    return operation(key, stage=Stage.DONE)


def failed(key: str) -> Operation:
    return operation(key, stage=Stage.FAILED, error="no space", args={"migration": "g1"})


def told(migration: Migration, known: Fleet, after: timedelta = SECOND) -> tuple[str, str, list[str]]:
    moved, operations = advance(migration, known, NOON + after)
    return moved.stage.value, moved.note, [each.key for each in operations]


def test_it_begins_by_stopping_the_machine_on_its_source() -> None:
    moved, (stop,) = advance(PLANNED, fleet(*HOMES, machine()), NOON)
    assert moved.stage is M.RESERVED
    assert (stop.key, stop.verb, stop.host, stop.machine, stop.args["migration"]) == (
        "g1:stop",
        "stop",
        "h1",
        "m1",
        "g1",
    )


def test_a_stateless_machine_goes_from_stopped_to_export() -> None:
    assert told(at(M.RESERVED), fleet(*HOMES, machine())) == ("reserved", "", [])
    moved, (export,) = advance(at(M.RESERVED), fleet(*HOMES, machine(), done("g1:stop")), NOON)
    assert moved.stage is M.COPYING
    assert (export.key, export.host, export.args["target"]) == ("g1:export", "h1", "h2")


def test_a_volume_is_snapshotted_then_restored_before_the_config_leaves() -> None:
    mounted = machine(volumes=("v1",))
    ground = (*HOMES, mounted, volume(size_mb=77), done("g1:stop"))
    _, (snapshot,) = advance(at(M.RESERVED), fleet(*ground), NOON)
    assert (snapshot.key, snapshot.verb, snapshot.host) == ("g1:snapshot:v1", "snapshot", "h1")
    under_way = fleet(*ground, snapshot)
    assert told(at(M.RESERVED), under_way) == ("reserved", "", [])
    taken = fleet(*ground, done("g1:snapshot:v1"))
    _, (copy,) = advance(at(M.RESERVED), taken, NOON)
    assert (copy.verb, copy.host, copy.args["size_mb"]) == ("create_volume", "h2", 77)
    assert copy.args["snapshot_id"] == snapshot.args["snapshot_id"]
    assert copy.args["volume_id"] == copy_of(PLANNED, "v1")
    moved, (export,) = advance(at(M.RESERVED), fleet(*ground, done("g1:snapshot:v1"), done("g1:volume:v1")), NOON)
    assert (moved.stage, moved.volumes, export.key) == (M.COPYING, {"v1": copy_of(PLANNED, "v1")}, "g1:export")


@pytest.mark.parametrize("stage", [M.COPYING, M.STARTING])
def test_copying_and_starting_wait_for_their_operations(stage: MigrationStage) -> None:
    known = at(stage)
    assert advance(known, fleet(*HOMES, machine()), NOON) == (known, [])


def test_verified_when_it_runs_on_the_target_and_only_then_is_the_source_freed() -> None:
    there = machine(on="h2", state=MachineState.STARTING)
    assert told(at(M.VERIFYING), fleet(*HOMES, there)) == ("verifying", "", [])
    moved, (free,) = advance(at(M.VERIFYING), fleet(*HOMES, machine(on="h2")), NOON)
    assert moved.stage is M.DONE
    assert (free.key, free.verb, free.host, free.machine) == ("g1:free", "destroy", "h1", "m1")


def test_one_that_is_gone_after_the_switch_is_gone_on_its_source_too() -> None:
    gone = machine(on="h2", state=MachineState.DESTROYING)
    assert told(at(M.VERIFYING), fleet(*HOMES, gone)) == ("rolled_back", "the machine is gone", ["g1:free"])


BACK = {
    # Nothing was stopped yet.
    M.PLANNED: [],
    M.RESERVED: ["g1:start"],
    M.COPYING: ["g1:start"],
    # The create may have arrived.
    M.STARTING: ["g1:start", "g1:undo"],
}


@pytest.mark.parametrize("stage", list(BACK))
def test_a_failure_before_the_switch_starts_the_machine_again_where_it_was(stage: MigrationStage) -> None:
    known = fleet(*HOMES, machine(), failed("g1:volume:v1"))
    assert told(at(stage), known) == ("rolled_back", "no space", BACK[stage])


def test_what_may_have_arrived_is_destroyed_on_the_target_and_there_alone() -> None:
    _, (start, undo) = advance(at(M.STARTING), fleet(*HOMES, machine(), failed("g1:create")), NOON)
    assert (start.verb, start.host, start.machine) == ("start", "h1", "m1")
    assert (undo.verb, undo.host, undo.machine) == ("destroy", "h2", "m1")
    assert undo.args == {"machine_id": "m1", "migration": "g1"}


@pytest.mark.parametrize("stage", list(BACK))
@pytest.mark.parametrize("source", [None, dead("h1"), returning("h1"), host("h1", life=Life.RETIRED)])
def test_a_source_lost_before_the_switch_starts_it_again_once_it_is_back(
    stage: MigrationStage, source: Host | None
) -> None:
    """Only we have stopped it; left so it would take its place on its host's return, and serve nobody."""
    known = fleet(HOMES[1], machine(), *([source] if source else []))
    back = source is not None and source.life is not Life.RETIRED
    expected = BACK[stage] if back else [each for each in BACK[stage] if each != "g1:start"]
    assert told(at(stage), known) == ("rolled_back", "source h1 was lost", expected)


def test_a_source_lost_after_the_switch_does_not_matter() -> None:
    known = fleet(dead("h1"), HOMES[1], machine(on="h2"))
    assert told(at(M.VERIFYING), known) == ("done", "", ["g1:free"])


def test_another_migrations_failure_is_not_ours() -> None:
    other = operation("g10:stop", stage=Stage.FAILED, error="x", args={"migration": "g10"})
    assert told(at(M.COPYING), fleet(*HOMES, machine(), other)) == ("copying", "", [])


@pytest.mark.parametrize("target", [None, host("h2", status=HostStatus.UNREACHABLE)])
def test_a_lost_target_rolls_back_too(target: object) -> None:
    known = fleet(HOMES[0], machine(), *([target] if target else []))
    assert told(at(M.COPYING), known) == ("rolled_back", "target h2 was lost", ["g1:start"])


def test_after_the_switch_nothing_rolls_back() -> None:
    there = machine(on="h2", state=MachineState.STARTING)
    assert told(at(M.VERIFYING), fleet(*HOMES, there, failed("g1:create"))) == ("verifying", "", [])


def test_a_machine_that_is_gone_ends_it() -> None:
    assert told(at(M.COPYING), fleet(*HOMES)) == ("rolled_back", "the machine is gone", [])
    going = machine(state=MachineState.DESTROYING)
    assert told(at(M.RESERVED), fleet(*HOMES, going)) == ("rolled_back", "the machine is gone", [])
    assert told(at(M.STARTING), fleet(*HOMES, going)) == ("rolled_back", "the machine is gone", ["g1:undo"])


@pytest.mark.parametrize("stage", [M.RESERVED, M.COPYING, M.STARTING])
def test_one_that_does_not_move_before_the_switch_is_rolled_back(stage: MigrationStage) -> None:
    known = fleet(*HOMES, machine(state=MachineState.STOPPED))
    assert told(at(stage), known, STUCK_AFTER)[0] == stage.value
    assert told(at(stage), known, STUCK_AFTER + SECOND) == ("rolled_back", "no progress", BACK[stage])


def test_one_that_does_not_move_after_the_switch_is_stuck_and_says_so() -> None:
    known = fleet(*HOMES, machine(on="h2", state=MachineState.STARTING))
    assert told(at(M.VERIFYING), known, STUCK_AFTER)[0] == "verifying"
    assert told(at(M.VERIFYING), known, STUCK_AFTER + SECOND) == ("stuck", "no progress: a person must look", [])


def test_an_open_operation_is_given_the_time_that_a_copy_takes() -> None:
    copying = operation("g1:volume:v1", "create_volume", args={"migration": "g1"})
    known = fleet(*HOMES, machine(state=MachineState.STOPPED), copying)
    assert told(at(M.RESERVED), known, STUCK_COPY_AFTER)[0] == "reserved"
    assert told(at(M.RESERVED), known, STUCK_COPY_AFTER + SECOND) == ("rolled_back", "no progress", ["g1:start"])


def test_a_stop_that_hangs_on_a_wedged_host_is_given_up() -> None:
    stop = operation("g1:stop", "stop", args={"migration": "g1"}, written_at=NOON)
    wedged = fleet(*HOMES, machine(), stop, verdict("h1", VerdictKind.WEDGED))
    assert told(at(M.RESERVED), wedged, HANGS_AFTER) == ("reserved", "", [])
    assert told(at(M.RESERVED), fleet(*HOMES, machine(), stop), HANGS_AFTER + SECOND) == ("reserved", "", [])
    gave_up = ("rolled_back", STOP_HANGS, ["g1:start"])
    assert told(at(M.RESERVED), wedged, HANGS_AFTER + SECOND) == gave_up


DEMAND = Demand("web/w", "web", "arn", Capacity(1, 256, 0), 1, NOON, NOON)
BURST = Burst(
    "b1", "arn", 2, Capacity(4, 4096, 0), NOON, ("web/w",), stage=BurstStage.PROVISIONING, names=("h8", "h9")
)


def test_a_burst_has_joined_when_every_host_takes_work() -> None:
    assert bursts.advance(BURST, fleet(host("h8"), host("h9", joined=False)), NOON) is BURST
    assert bursts.advance(BURST, fleet(host("h8"), host("h9")), NOON).stage is BurstStage.JOINED
    assert bursts.advance(BURST, fleet(host("h8"), host("h90")), NOON) is BURST


def test_it_is_consumed_when_nobody_in_its_region_waits_any_more() -> None:
    joined = replace(BURST, stage=BurstStage.JOINED)
    assert bursts.advance(joined, fleet(DEMAND), NOON) is joined
    assert bursts.advance(joined, fleet(replace(DEMAND, region="fra")), NOON).stage is BurstStage.CONSUMED


def test_what_its_hosts_would_not_hold_does_not_keep_it_open() -> None:
    joined = replace(BURST, stage=BurstStage.JOINED)
    assert (
        bursts.advance(joined, fleet(replace(DEMAND, size=Capacity(1, 6000, 0))), NOON).stage is BurstStage.CONSUMED
    )


@pytest.mark.parametrize(
    ("stage", "ends"),
    [
        (BurstStage.REQUESTED, BurstStage.STUCK),
        (BurstStage.PROVISIONING, BurstStage.STUCK),
        (BurstStage.JOINED, BurstStage.EXPIRED),
    ],
)
def test_it_ends_with_its_reason(stage: BurstStage, ends: BurstStage) -> None:
    waiting, known = replace(BURST, stage=stage), fleet(DEMAND)
    assert bursts.advance(waiting, known, NOON + bursts.DEADLINE) is waiting
    ended = bursts.advance(waiting, known, NOON + bursts.DEADLINE + SECOND)
    assert (ended.stage, bool(ended.note), ended.open) == (ends, True, False)


def test_a_demand_that_nobody_repeats_expires() -> None:
    assert bursts.expired(fleet(DEMAND), NOON + bursts.DEMAND_LIFE) == []
    assert bursts.expired(fleet(DEMAND), NOON + bursts.DEMAND_LIFE + SECOND) == [DEMAND]
