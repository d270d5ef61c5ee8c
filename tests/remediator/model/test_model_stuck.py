"""Each reason for which a lost host's machine is held has a word, the same in the metric and in its explanation."""

from dataclasses import replace
from datetime import timedelta

import pytest

from remediator.actions.effects import NoteRecovery, Quarantine
from remediator.api.explaining.remedies import what_would_help
from remediator.engine.guards.holds import spared
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.people import OperatorHold, Scope
from remediator.model.request import Stage
from remediator.model.stuck import REASONS, stuck
from remediator.runtime import reconcile
from tests.remediator.actions.test_actions_host_dead import HOMES, MOUNTED, OFF, SNAPSHOT, TRIED, planned, restored
from tests.remediator.builders import NOON, case, dead, fleet, host, machine, sealed, volume
from tests.remediator.runtime.lab import Lab

SOON = timedelta(minutes=5)


def noted(effect: object, known: Machine) -> str:
    """What the machine is then stuck by; a row of before, which has no word of its own, comes to the same."""
    if isinstance(effect, Quarantine):
        return stuck(known.recovering(Recovery.HELD, effect.why, NOON))
    assert isinstance(effect, NoteRecovery)
    assert stuck(known.recovering(effect.stage, effect.reason, NOON)) == effect.word
    return stuck(known.recovering(effect.stage, "in other words", NOON, word=effect.word))


@pytest.mark.parametrize(
    ("known", "attempt", "word"),
    [
        (machine(sealed=None), None, "NotRecoverable"),
        (machine(sealed=sealed("m1", "I-0")), None, "SealedCopyOld"),
        (machine(), replace(TRIED, stage=Stage.FAILED, error="no such image"), "CreateFailed"),
        (machine(quarantined="quarantined: its last two hosts died"), None, "Quarantined"),
    ],
)
def test_stateless_machines(known: Machine, attempt: object, word: str) -> None:
    (effect,) = planned("recreate", fleet(*HOMES, known, *([attempt] if attempt else []))).effects
    assert noted(effect, known) == word


@pytest.mark.parametrize(
    ("things", "word"),
    [
        ((*OFF, MOUNTED), "VolumeUnknown"),
        ((*HOMES, replace(MOUNTED, sealed=None), volume()), "NotRecoverable"),
        ((*HOMES, MOUNTED, volume()), "NoPowerProof"),
        ((*OFF, MOUNTED, volume()), "NoSnapshot"),
        ((*OFF, MOUNTED, volume(), replace(SNAPSHOT, created_at=NOON - timedelta(hours=2))), "SnapshotTooOld"),
        ((*OFF, MOUNTED, volume(superseded_by="v2"), volume("v2", on="h3"), dead("h3")), "TargetLost"),
    ],
)
def test_machines_with_volumes(things: tuple[object, ...], word: str) -> None:
    (effect,) = restored(*things).effects
    assert noted(effect, MOUNTED) == word


def test_a_poisonous_one_and_one_that_a_person_holds() -> None:
    here = dead("h1", died_at=NOON, since=NOON)
    before = machine("m0", on="h9", created_at=NOON - SOON)
    again = machine(replaces="m0", created_at=NOON - SOON)
    killed = dead("h9", died_at=NOON, since=NOON)
    (effect,) = planned("recreate", fleet(here, killed, host("h2", "r2"), again, before)).effects
    assert noted(effect, again) == "Quarantined"

    hold = OperatorHold(Scope.MACHINE, "m1", "ada", "it is not known what it does", NOON, NOON + SOON)
    asked = case(replace(fleet(*HOMES, machine()), operator_holds={"machine/m1": hold}))
    told = spared(asked, planned("recreate", asked.fleet, asked))
    (effect,) = getattr(told, "effects")  # noqa: B009 - a plan or a hold
    assert noted(effect, machine()) == "OperatorHold"


async def test_a_copy_that_was_lost_before_it_was_heard_of_and_its_original() -> None:
    lab = Lab()
    original = replace(MOUNTED, replaced_by="m2", recovery=Recovery.PLACED)
    copy = machine("m2", on="h2", replaces="m1", volumes=("v2",), state=MachineState.CREATED)
    await lab.put(dead(), dead("h2", "r2"), host("h3", "r3"), original, copy, volume(), volume("v2", on="h2"), TRIED)
    async with lab.ledger.writing() as draft:
        reconcile.follow(lab.watch.fleet(), draft, NOON)
    machines = lab.watch.fleet().machines
    assert [stuck(machines[each]) for each in ("m1", "m2")] == ["CopyMayRun", "CopyMayRun"]
    await lab.ledger.close()


def test_whoever_goes_on_is_stuck_by_nothing_any_more() -> None:
    held = machine().recovering(Recovery.HELD, "no such image", NOON, word="CreateFailed")
    again = held.recovering(Recovery.PLACED, "placed on h2", NOON, "m2")
    assert (stuck(held), stuck(again), again.recovery_word) == ("CreateFailed", "", "")


def test_what_is_under_way_is_not_stuck() -> None:
    for stage in (Recovery.NONE, Recovery.PLACED, Recovery.SERVING):
        assert stuck(machine(recovery=stage)) == ""


def test_each_has_a_sentence_of_what_would_change_it() -> None:
    untold = {word for word in REASONS if what_would_help(word, "x") == "that this is no longer so: x"}
    assert untold == {"Undecided"}
