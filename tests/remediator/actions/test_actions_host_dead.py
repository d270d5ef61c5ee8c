"""The plans that a dead host's playbook is made of: recreate, restore, condemn, fence, mark."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.actions.effects import Condemn, MarkDead, NoteRecovery, Recreate, RestoreVolume
from remediator.actions.spec import Case, Planned
from remediator.model.decision import Hold
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.machine import MachineState, Recovery, Snapshot, Volume
from remediator.model.request import Migration, MigrationStage, Operation, Stage
from tests.remediator.builders import (
    NOON,
    SECOND,
    case,
    dead,
    fleet,
    host,
    machine,
    operation,
    proved,
    remediation,
    returning,
    sealed,
    volume,
)

# The create that was written for this death of the host; its key is that of the new machine.
TRIED = operation("create:m2", "create", on="h2", machine="m2", args={"source": "m1", "epoch": 1})
HOMES = (dead(), host("h2", "r2"), host("h3", "r3"))


def planned(action: str, known: Fleet, asked: Case | None = None, **params: Any) -> Planned:
    found = ACTIONS[action].plan(asked or case(known), ACTIONS[action].params.model_validate(params))
    assert not isinstance(found, Hold)
    return found


def test_every_action_is_registered_under_its_own_name() -> None:
    assert all(name == action.name for name, action in ACTIONS.items())
    assert all(action.params.model_config["extra"] == "forbid" for action in ACTIONS.values())


def test_a_host_is_marked_once() -> None:
    known = fleet(*HOMES)
    assert planned("mark_host_dead", known).effects == (MarkDead("h1"),)
    done = case(known, remediation=remediation("h1", "mark_host_dead"))
    assert planned("mark_host_dead", known, done) == Planned()


def test_stateless_machines_of_the_host_are_recreated() -> None:
    others = machine("m2", on="h10"), machine("m3", volumes=("v1",)), machine("m4", adopted=True)
    gone = machine("m5", state=MachineState.DESTROYING)
    found = planned("recreate", fleet(*HOMES, machine("m1"), *others, gone))
    assert found.effects == (Recreate("m1", "I-m1", 1),)
    assert found.waiting == "1 machines not serving elsewhere yet"


def test_what_is_placed_or_under_way_is_left_alone() -> None:
    for change in ({"recovery": Recovery.PLACED}, {"recovery": Recovery.SERVING}):
        assert planned("recreate", fleet(*HOMES, machine(**change))).effects == ()
    assert planned("recreate", fleet(*HOMES, machine(), TRIED)).effects == ()


def test_an_attempt_of_an_earlier_death_or_for_another_machine_is_none_for_this_one() -> None:
    for args in ({"source": "m1", "epoch": 0}, {"source": "m9", "epoch": 1}, {"source": "m1"}):
        earlier = replace(TRIED, args=args, stage=Stage.FAILED, error="no such image")
        assert planned("recreate", fleet(*HOMES, machine(), earlier)).effects == (Recreate("m1", "I-m1", 1),)


@pytest.mark.parametrize(
    ("source", "stage", "recreated"),
    [
        ("h1", MigrationStage.COPYING, True),
        ("h1", MigrationStage.ROLLED_BACK, True),
        ("h9", MigrationStage.COPYING, False),
    ],
)
def test_what_a_migration_of_ours_had_stopped_was_serving(
    source: str, stage: MigrationStage, *, recreated: bool
) -> None:
    stopped = machine(state=MachineState.STOPPED)
    assert planned("recreate", fleet(*HOMES, stopped)) == Planned()
    moving = Migration("g1", "m1", "web", source, "h2", NOON, "full", stage=stage)
    found = planned("recreate", fleet(*HOMES, stopped, moving))
    assert bool(found.effects) is bool(found.waiting) is recreated


def test_what_cannot_be_recreated_is_held_with_its_reason_once() -> None:
    bare = machine(sealed=None)
    (note,) = planned("recreate", fleet(*HOMES, bare)).effects
    assert note == NoteRecovery(
        "m1", Recovery.HELD, "its full config is on its host alone: not marked recoverable", "NotRecoverable"
    )
    told = bare.recovering(Recovery.HELD, note.reason, NOON)
    assert planned("recreate", fleet(*HOMES, told)) == Planned()


def test_an_older_sealed_copy_and_a_failed_attempt_are_held() -> None:
    older = machine(sealed=sealed("m1", "I-0"))
    failed = replace(TRIED, stage=Stage.FAILED, error="no such image")
    for known, why in ((fleet(*HOMES, older), "older"), (fleet(*HOMES, machine(), failed), "no such image")):
        (note,) = planned("recreate", known).effects
        assert isinstance(note, NoteRecovery)
        assert why in note.reason


def test_survivors_are_not_trampled() -> None:
    many = [machine(f"m{n}") for n in range(20)]
    assert len(planned("recreate", fleet(*HOMES, *many)).effects) == 4
    assert len(planned("recreate", fleet(*HOMES, *many), per_target=5).effects) == 10
    flying = [operation(f"recreate:x{n}", "create", on="h2", args={"source": f"x{n}"}) for n in range(3)]
    assert len(planned("recreate", fleet(*HOMES, *many, *flying)).effects) == 1
    assert len(planned("recreate", fleet(*HOMES, *many), per_target=50, pace="3/s").effects) == 3


SNAPSHOT = Snapshot("vs_1", "v1", "db", NOON - timedelta(minutes=10), 5, "d")
MOUNTED = machine(volumes=("v1",))
OFF = (proved(dead()), *HOMES[1:])


def restored(*things: Any, **params: Any) -> Planned:
    return planned("restore_volumes", fleet(*things), **({"max_data_loss": "1h"} | params))


def reason(found: Planned) -> str:
    (note,) = found.effects
    assert isinstance(note, NoteRecovery)
    assert note.stage is Recovery.WAITING
    return note.reason


def restore(**more: Any) -> Operation:
    held = {"args": {"supersedes": "v1", "snapshot_id": "vs_1"}}
    return operation("restore:v2", "create_volume", **(held | more))


def test_without_proof_a_volume_waits_and_says_which() -> None:
    found = restored(*HOMES, MOUNTED, volume(), SNAPSHOT)
    assert reason(found).startswith("volume v1 (data) is on unreachable host h1: waits for proof")
    assert found.waiting


def test_with_proof_the_newest_good_snapshot_is_restored() -> None:
    older = replace(SNAPSHOT, id="vs_0", created_at=NOON - timedelta(minutes=30))
    others = replace(SNAPSHOT, id="vs_9", volume="v10"), replace(SNAPSHOT, id="vs_8", state="failed", created_at=NOON)
    ground = (*OFF, MOUNTED, volume(), SNAPSHOT, older, *others)
    assert restored(*ground).effects == (RestoreVolume("m1", "v1", "vs_1", 100),)
    bad = restore(stage=Stage.FAILED)
    assert restored(*ground, bad).effects == (RestoreVolume("m1", "v1", "vs_0", 100),)
    # Another volume's failure says nothing of this one.
    other = restore(stage=Stage.FAILED, args={"supersedes": "v10", "snapshot_id": "vs_1"})
    assert restored(*ground, other).effects == (RestoreVolume("m1", "v1", "vs_1", 100),)
    under_way = restored(*ground, restore())
    assert under_way.effects == ()
    assert under_way.waiting


def test_more_loss_than_allowed_is_asked_for() -> None:
    for allowed in ("9m", "0"):
        asked = reason(restored(*OFF, MOUNTED, volume(), SNAPSHOT, max_data_loss=allowed))
        assert asked.endswith("newest snapshot vs_1 is of 2026-08-01T11:50:00+00:00, older than allowed")
    assert "no good snapshot" in reason(restored(*OFF, MOUNTED, volume()))
    assert "is not known" in reason(restored(*OFF, MOUNTED))


def test_a_restored_volume_brings_its_machine_where_it_is() -> None:
    old, new = volume(superseded_by="v2"), volume("v2", on="h3")
    assert restored(*OFF, MOUNTED, old, new).effects == (Recreate("m1", "I-m1", 1, ("v2",), "h3"),)
    assert restored(*OFF, MOUNTED, old, new, TRIED).effects == ()
    failed = replace(TRIED, stage=Stage.FAILED, error="no such image")
    assert reason(restored(*OFF, MOUNTED, old, new, failed)) == "no such image"


def test_a_copy_that_exists_is_no_proof_that_the_host_is_off() -> None:
    """It was made at an earlier death; the host may run the original now."""
    found = restored(*HOMES, MOUNTED, volume(superseded_by="v2"), volume("v2", on="h3"))
    assert "waits for proof" in reason(found)


@pytest.mark.parametrize("there", [host("h3", cordoned="full"), dead("h3"), None])
def test_a_copy_on_a_host_that_takes_no_work_waits_for_it(there: Host | None) -> None:
    homes = (*OFF[:2], *([there] if there else []))
    found = restored(*homes, MOUNTED, volume(superseded_by="v2"), volume("v2", on="h3"))
    assert reason(found) == "its restored volume v2 is on a host that takes no work"
    assert "v2" in reason(restored(*OFF, MOUNTED, volume(superseded_by="v2")))


@pytest.mark.parametrize("old", [volume(), volume(superseded_by="v2")])
def test_nothing_is_restored_for_a_machine_that_cannot_be_made_again(old: Volume) -> None:
    found = restored(*OFF, replace(MOUNTED, sealed=None), old, volume("v2", on="h3"), SNAPSHOT)
    assert "not marked recoverable" in reason(found)


def test_nothing_is_restored_for_what_its_owner_had_stopped() -> None:
    stopped = replace(MOUNTED, state=MachineState.STOPPED)
    assert restored(*OFF, stopped, volume(), SNAPSHOT) == Planned()
    moving = Migration("g1", "m1", "db", "h1", "h2", NOON, "full", stage=MigrationStage.RESERVED)
    assert restored(*OFF, stopped, volume(), SNAPSHOT, moving).effects == (RestoreVolume("m1", "v1", "vs_1", 100),)


def test_condemn_waits_for_patience_or_proof() -> None:
    original, new = machine(recovery=Recovery.SERVING, replaced_by="m2"), machine("m2", on="h2")
    assert planned("condemn", fleet(*HOMES, original, new)).waiting == "patience: 116 s left"
    assert planned("condemn", fleet(*LONG_DEAD, original, new)).effects == (
        Condemn("m1", "replaced, and its host stayed away for 120 s"),
    )
    assert planned("condemn", fleet(*OFF, original, new)).effects == (
        Condemn("m1", "replaced; power-off proved by bmc"),
    )


LONG_DEAD = (dead(ago=timedelta(seconds=120)), *HOMES[1:])


def test_patience_is_earned_in_our_own_term() -> None:
    """A pause of ours, or a stepped clock, must not shorten what a host has to come back."""
    original, new = machine(recovery=Recovery.SERVING, replaced_by="m2"), machine("m2", on="h2")
    known = fleet(*LONG_DEAD, original, new)
    fresh = planned("condemn", replace(known, term_began=NOON - 20 * SECOND))
    assert fresh == Planned(waiting="patience: 100 s left")
    assert planned("condemn", replace(known, term_began=NOON - 120 * SECOND)).effects
    assert planned("condemn", replace(known, term_began=NOON - timedelta(days=1))).effects
    assert planned("condemn", replace(fleet(*OFF, original, new), term_began=NOON)).effects


@pytest.mark.parametrize("home", [dead("h2"), returning("h2"), None])
def test_nobody_is_condemned_whose_replacement_is_not_routable_now(home: Host | None) -> None:
    """It was served once; the replacement's host is gone since."""
    original, new = machine(recovery=Recovery.SERVING, replaced_by="m2"), machine("m2", on="h2")
    found = planned("condemn", fleet(OFF[0], *([home] if home else []), original, new))
    assert (found.effects, bool(found.waiting)) == ((), True)
    stopped = fleet(*OFF, original, replace(new, state=MachineState.STOPPED))
    assert planned("condemn", stopped).effects == ()


def test_whoever_serves_at_the_end_of_the_chain_counts() -> None:
    chain = (
        machine(recovery=Recovery.SERVING, replaced_by="m2"),
        machine("m2", on="h2", recovery=Recovery.SERVING, replaced_by="m3"),
        machine("m3", on="h3"),
    )
    known = fleet(OFF[0], dead("h2"), host("h3", "r3"), *chain)
    assert planned("condemn", known).effects == (Condemn("m1", "replaced; power-off proved by bmc"),)


def test_nobody_else_is_condemned() -> None:
    not_served = machine(recovery=Recovery.PLACED, replaced_by="m2")
    gone = machine(recovery=Recovery.SERVING, replaced_by="m3")
    elsewhere = machine("m10", on="h10", recovery=Recovery.SERVING, replaced_by="m2")
    for each in (not_served, gone, elsewhere, machine()):
        plan = planned("condemn", fleet(*OFF, each, machine("m2", on="h2")))
        assert isinstance(plan, Planned)
        assert plan.effects == ()
