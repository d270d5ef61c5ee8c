"""The plans that a dead host's playbook is made of: recreate, restore, condemn, fence, mark."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from remediator.actions import ACTIONS
from remediator.actions.effects import Condemn, MarkDead, NoteRecovery, Recreate, RestoreVolume
from remediator.actions.spec import Case, Planned
from remediator.model.decision import Hold
from remediator.model.fleet import Fleet
from remediator.model.machine import MachineState, Recovery, Snapshot
from remediator.model.request import Stage
from tests.remediator.builders import (
    NOON,
    case,
    dead,
    fleet,
    host,
    machine,
    operation,
    proved,
    remediation,
    sealed,
    volume,
)

KEY = "recreate:m1:I-m1:1"
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
    assert planned("recreate", fleet(*HOMES, machine(), operation(KEY, "create"))).effects == ()


def test_what_cannot_be_recreated_is_held_with_its_reason_once() -> None:
    bare = machine(sealed=None)
    (note,) = planned("recreate", fleet(*HOMES, bare)).effects
    assert note == NoteRecovery("m1", Recovery.HELD, "its full config is on its host alone: not marked recoverable")
    told = bare.recovering(Recovery.HELD, note.reason, NOON)
    assert planned("recreate", fleet(*HOMES, told)) == Planned()


def test_an_older_sealed_copy_and_a_failed_attempt_are_held() -> None:
    older = machine(sealed=sealed("m1", "I-0"))
    failed = operation(KEY, "create", stage=Stage.FAILED, error="no such image")
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


def test_without_proof_a_volume_waits_and_says_which() -> None:
    found = restored(*HOMES, MOUNTED, volume(), SNAPSHOT)
    assert reason(found).startswith("volume v1 (data) is on unreachable host h1: waits for proof")
    assert found.waiting


def test_with_proof_the_newest_good_snapshot_is_restored() -> None:
    older = replace(SNAPSHOT, id="vs_0", created_at=NOON - timedelta(minutes=30))
    others = replace(SNAPSHOT, id="vs_9", volume="v10"), replace(SNAPSHOT, id="vs_8", state="failed", created_at=NOON)
    ground = (*OFF, MOUNTED, volume(), SNAPSHOT, older, *others)
    assert restored(*ground).effects == (RestoreVolume("m1", "v1", "vs_1", 100),)
    bad = operation("restore:v1:vs_1", "create_volume", stage=Stage.FAILED)
    assert restored(*ground, bad).effects == (RestoreVolume("m1", "v1", "vs_0", 100),)


def test_more_loss_than_allowed_is_asked_for() -> None:
    assert "would lose 600 s: ask" in reason(restored(*OFF, MOUNTED, volume(), SNAPSHOT, max_data_loss="9m"))
    assert "would lose 600 s: ask" in reason(restored(*OFF, MOUNTED, volume(), SNAPSHOT, max_data_loss="0"))
    assert "no good snapshot" in reason(restored(*OFF, MOUNTED, volume()))
    assert "is not known" in reason(restored(*OFF, MOUNTED))


def test_a_restored_volume_brings_its_machine_where_it_is() -> None:
    old, new = volume(superseded_by="v2"), volume("v2", on="h3")
    assert restored(*OFF, MOUNTED, old, new).effects == (Recreate("m1", "I-m1", 1, ("v2",), "h3"),)
    assert "not marked recoverable" in reason(restored(*OFF, replace(MOUNTED, sealed=None), old, new))


def test_condemn_waits_for_patience_or_proof() -> None:
    original, new = machine(recovery=Recovery.SERVING, replaced_by="m2"), machine("m2", on="h2")
    assert planned("condemn", fleet(*HOMES, original, new)).waiting == "patience: 116 s left"
    assert planned("condemn", fleet(dead(ago=timedelta(seconds=120)), original, new)).effects == (
        Condemn("m1", "replaced, and its host stayed away for 120 s"),
    )
    assert planned("condemn", fleet(*OFF, original, new)).effects == (
        Condemn("m1", "replaced; power-off proved by bmc"),
    )


def test_nobody_else_is_condemned() -> None:
    not_served = machine(recovery=Recovery.PLACED, replaced_by="m2")
    gone = machine(recovery=Recovery.SERVING, replaced_by="m3")
    elsewhere = machine("m10", on="h10", recovery=Recovery.SERVING, replaced_by="m2")
    for each in (not_served, gone, elsewhere, machine()):
        plan = planned("condemn", fleet(*OFF, each, machine("m2", on="h2")))
        assert isinstance(plan, Planned)
        assert plan.effects == ()


def test_fence_waits_for_proof() -> None:
    assert planned("fence", fleet(*HOMES)).waiting == "no proof of power-off yet (via bmc)"
    assert planned("fence", fleet(*OFF)) == Planned()
