"""How far a playbook has come, in a word: what alerts tell people of their remedy."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.engine.guards.table import witnesses_of
from remediator.engine.progress import Doings, Remedy, build_doings, progress
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.fleet import Fleet
from remediator.model.machine import Recovery
from remediator.model.policy import Mode, Step
from remediator.model.request import Migration, MigrationStage, Stage
from tests.remediator.builders import (
    CLOSED,
    NOON,
    OPEN,
    SECOND,
    alert,
    case,
    dead,
    fleet,
    host,
    machine,
    operation,
    playbook,
    remediation,
)

BOOK = playbook("drain_it", steps=(Step("cordon"), Step("migrate")))
DONE = remediation("h1", "cordon", "migrate", playbook="drain_it")


def decision(outcome: DecisionOutcome, **more: Any) -> Decision:
    held = {"action": "migrate", "reason": "NoRoom", "text": "no host has room"}
    return Decision("d1", NOON, "drain_it", "h1", outcome=outcome, **(held | more))


def remedy(on: Fleet, doings: Doings | None = None, **book: Any) -> Remedy:
    """Of a playbook that has acted, unless told otherwise."""
    acted = build_doings([decision(DecisionOutcome.ACT)], ())
    return progress(replace(BOOK, **book), "h1", acted if doings is None else doings, on, NOON).remedy


def test_nothing_will_be_done_without_a_playbook_that_acts() -> None:
    assert progress(None, "h1", Doings(), fleet(), NOON).remedy is Remedy.NONE
    assert remedy(fleet(), mode=Mode.DISABLED) is Remedy.NONE
    shadow = build_doings((), [decision(DecisionOutcome.SHADOW, text="would do 3 effects")])
    found = progress(replace(BOOK, mode=Mode.SHADOW), "h1", shadow, fleet(), NOON)
    assert (found.remedy, found.text) == (
        Remedy.NONE,
        "drain_it is in shadow and does nothing; migrate: would do 3 effects",
    )


def test_a_playbook_that_needs_approval_asks_even_before_it_is_decided() -> None:
    assert remedy(fleet(), mode=Mode.APPROVE) is Remedy.ASKS


def test_before_a_decision_a_closed_gate_is_the_reason() -> None:
    assert remedy(fleet(gate=OPEN)) is Remedy.UNDECIDED
    assert remedy(fleet(gate=CLOSED)) is Remedy.HELD


@pytest.mark.parametrize(
    ("outcome", "wanted"), [(DecisionOutcome.HOLD, Remedy.HELD), (DecisionOutcome.ASK, Remedy.ASKS)]
)
def test_what_stands_is_told_with_its_reason(outcome: DecisionOutcome, wanted: Remedy) -> None:
    doings = build_doings((), [decision(outcome)])
    found = progress(BOOK, "h1", doings, fleet(remediation("h1", "cordon", playbook="drain_it")), NOON)
    assert (found.remedy, found.reason) == (wanted, "NoRoom")
    assert "at migrate after cordon" in found.text


def test_steps_that_are_not_all_taken_are_under_way() -> None:
    assert remedy(fleet(remediation("h1", "cordon", playbook="drain_it"))) is Remedy.ACTING


def test_all_steps_taken_and_nothing_open_is_success() -> None:
    assert remedy(fleet(DONE)) is Remedy.SUCCEEDED


def test_all_steps_taken_without_any_act_is_no_success() -> None:
    found = progress(BOOK, "h1", Doings(), fleet(DONE), NOON)
    assert (found.remedy, found.text) == (Remedy.NONE, "drain_it found nothing to do on h1")


def test_a_remediation_that_closed_has_succeeded_unless_it_was_of_another_time() -> None:
    closed = replace(DONE, closed_at=NOON + SECOND, outcome="the signal cleared")
    assert remedy(fleet(closed)) is Remedy.SUCCEEDED
    assert remedy(fleet(replace(closed, closed_at=NOON - SECOND))) is Remedy.UNDECIDED


def test_an_open_operation_of_its_decisions_is_under_way_and_a_failed_one_a_failure() -> None:
    doings = build_doings([decision(DecisionOutcome.ACT)], ())
    mine = operation("k1", "fence", "h1", decision="d1")
    assert remedy(fleet(DONE, mine), doings) is Remedy.ACTING
    assert remedy(fleet(DONE, replace(mine, decision="other")), doings) is Remedy.SUCCEEDED
    failed = replace(mine, stage=Stage.FAILED, error="refused")
    assert remedy(fleet(DONE, failed), doings) is Remedy.FAILED
    again = operation("k2", "fence", "h1", decision="d1", stage=Stage.DONE, written_at=NOON + SECOND)
    assert remedy(fleet(DONE, failed, again), doings) is Remedy.SUCCEEDED


@pytest.mark.parametrize(
    ("stage", "wanted"),
    [
        (MigrationStage.COPYING, Remedy.ACTING),
        (MigrationStage.STUCK, Remedy.FAILED),
        (MigrationStage.DONE, Remedy.SUCCEEDED),
    ],
)
def test_migrations_away_from_the_target(stage: MigrationStage, wanted: Remedy) -> None:
    move = Migration("g1", "m1", "web", "h1", "h2", NOON, "full", stage, note="no room")
    assert remedy(fleet(DONE, move)) is wanted
    before = replace(move, asked_at=DONE.opened_at - SECOND)
    assert remedy(fleet(DONE, before)) is Remedy.SUCCEEDED


@pytest.mark.parametrize(
    ("recovery", "wanted"),
    [
        (Recovery.PLACED, Remedy.ACTING),
        (Recovery.HELD, Remedy.FAILED),
        (Recovery.WAITING, Remedy.HELD),
        (Recovery.SERVING, Remedy.SUCCEEDED),
    ],
)
def test_machines_of_a_dead_host(recovery: Recovery, wanted: Remedy) -> None:
    lost = machine("m1", "h1", recovery=recovery, recovery_reason="its create failed")
    assert remedy(fleet(DONE, dead("h1"), lost)) is wanted
    assert remedy(fleet(DONE, host("h1"), lost)) is Remedy.SUCCEEDED


def test_what_others_tell_us_is_no_witness() -> None:
    own = fleet(dead("h1"), alerts=(alert("h1", last_seen=NOON),))
    assert witnesses_of(case(own)) == ["store"]
    told = fleet(dead("h1"), alerts=(alert("h1", last_seen=NOON, source="evaluator"),))
    assert witnesses_of(case(told)) == []
