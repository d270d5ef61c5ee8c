"""give_back: only what a provider made for a burst, and only where nothing speaks for it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.actions.effects import GiveBack
from remediator.actions.spec import Planned
from remediator.model.decision import Hold
from remediator.model.evidence import Claim, VerdictKind
from remediator.model.host import Capacity, HostStatus, Identity, Life
from remediator.model.incident import Incident, IncidentStage
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import MachineState, Recovery, Snapshot
from remediator.model.policy import EvidenceGuard, Step
from remediator.model.request import Burst, BurstStage, Demand, Migration
from tests.remediator import builders
from tests.remediator.builders import NOON, SECOND, case, dead, fleet, host, machine, operation, playbook, volume

MINUTE = 60 * SECOND
LONG_AGO = NOON - 60 * MINUTE
NAME = "arn-burst1-1"
BOOK = playbook("burst_over", steps=(Step("give_back"),), evidence=EvidenceGuard(), cooldown=timedelta(minutes=10))
LENT = Loan(NAME, "arn", "b1", LONG_AGO, LoanStage.JOINED, LONG_AGO, LONG_AGO, NOON - 31 * MINUTE)
WELL = (
    host(NAME),
    builders.sighting(NAME, heart=0.5, connected=True),
    builders.verdict(NAME, VerdictKind.ALIVE, silent=0, outside_rack=0),
)


def planned(*things: Any, loan: Loan = LENT, well: tuple[Any, ...] = WELL, **params: Any) -> Planned | Hold:
    action = ACTIONS["give_back"]
    return action.plan(case(fleet(loan, *well, *things), NAME, BOOK), action.params.model_validate(params))


def reason(found: Planned | Hold) -> str:
    assert isinstance(found, Hold), found
    assert found.reason == "HostNeeded"
    return found.text


def test_one_that_was_idle_for_long_enough_is_given_back() -> None:
    assert planned() == Planned((GiveBack(NAME, "burst_over"),), "it is being given back")


def test_one_that_no_provider_made_for_a_burst_never_is() -> None:
    action = ACTIONS["give_back"]
    found = action.plan(case(fleet(*WELL), NAME, BOOK), action.params())
    assert isinstance(found, Hold)
    assert found.reason == "NotLent"


@pytest.mark.parametrize("idle", [None, NOON - 29 * MINUTE])
def test_one_that_is_in_use_or_was_lately_waits(idle: Any) -> None:
    found = planned(loan=replace(LENT, idle_since=idle))
    assert isinstance(found, Planned)
    assert found.waiting
    assert found.effects == ()


def test_how_long_is_said_by_the_playbook() -> None:
    assert planned(idle="32m") == Planned(waiting="idle, to be for another 60 s")


MOVE = Migration("k", "m9", "web", "h2", NAME, NOON, "drain")
ON_IT: dict[str, tuple[Any, str]] = {
    "a machine": (machine("m1", NAME), "1 machines"),
    "a stopped one": (machine("m1", NAME, state=MachineState.STOPPED), "1 machines"),
    "an adopted one": (machine("m1", NAME, adopted=True), "1 machines"),
    "a condemned one": (machine("m1", NAME, state=MachineState.DESTROYING), "1 machines"),
    "a standby": (machine("m1", NAME, state=MachineState.STOPPED, config={"standbys": ["m7"]}), "1 machines"),
    "a volume": (volume("v1", NAME), "1 volumes"),
    "a superseded volume": (volume("v1", NAME, superseded_by="v2"), "1 volumes"),
    "a snapshot": (Snapshot("s1", "v1", "web", NOON, 1, "", host=NAME), "1 snapshots"),
    "a move to it": (MOVE, "1 migrations"),
    "a move off it": (replace(MOVE, source=NAME, target="h2"), "1 migrations"),
    "a create": (operation("k1", "create", NAME), "1 orders"),
    "a restore": (operation("k1", "create_volume", NAME), "1 orders"),
    "a destroy": (builders.destroy("m1", NAME), "1 destroys"),
}


@pytest.mark.parametrize("what", ON_IT)
def test_nothing_may_be_on_it_nor_on_its_way(what: str) -> None:
    thing, words = ON_IT[what]
    assert reason(planned(thing)) == words


def test_what_is_gone_or_on_another_host_does_not_keep_it() -> None:
    gone = machine("m1", NAME, state=MachineState.DESTROYED)
    near = machine("m2", f"{NAME}0"), volume("v2", f"{NAME}0")
    assert isinstance(planned(gone, *near), Planned)


def test_what_this_very_look_has_promised_keeps_it() -> None:
    action = ACTIONS["give_back"]
    promised = replace(fleet(LENT, *WELL), reserved={NAME: Capacity(1, 256, 0)})
    assert "promises" in reason(action.plan(case(promised, NAME, BOOK), action.params()))


DEMAND = Demand("a", "web", "arn", Capacity(1, 256, 0), 1, NOON, NOON)
OPEN = Burst("b2", "arn", 1, Capacity(), NOON, ("a",), BurstStage.REQUESTED)
TOGETHER = Incident("i1", "rack", "r1", NOON, ("h2",), IncidentStage.OPEN)


@pytest.mark.parametrize(
    ("things", "words"),
    [
        ((DEMAND,), "room is asked for in arn"),
        ((OPEN,), "hosts are asked for in arn"),
        ((dead("h2"), machine("m2", "h2")), "h2 is lost or in doubt"),
        ((host("h2", life=Life.SUSPECT),), "h2 is lost or in doubt"),
        ((host("h2"), TOGETHER), "h2 is lost or in doubt"),
    ],
)
def test_who_may_need_its_room_keeps_it(things: tuple[Any, ...], words: str) -> None:
    assert reason(planned(*things)).startswith(words)


def test_another_region_and_a_loss_that_is_settled_need_nothing() -> None:
    held = machine("m2", "h2", recovery=Recovery.HELD)
    doubted = host("h3", region="ams", life=Life.SUSPECT)
    elsewhere = replace(DEMAND, region="ams"), replace(OPEN, region="ams"), doubted
    assert isinstance(planned(dead("h2"), held, *elsewhere), Planned)


@pytest.mark.parametrize(
    ("well", "words"),
    [
        ((host(NAME, status=HostStatus.UNKNOWN), *WELL[1:]), "it is healthy, unknown"),
        ((host(NAME, life=Life.PROBATION), *WELL[1:]), "it is probation"),
        (WELL[:1], "direct evidence: none"),
        ((*WELL[:2], builders.verdict(NAME, VerdictKind.WEDGED)), "direct evidence"),
        ((*WELL[:2], builders.verdict(NAME, VerdictKind.ALIVE, silent=1)), "direct evidence"),
        ((WELL[0], builders.sighting(NAME, heart=0.5, connected=False), WELL[2]), "its agent is not connected"),
        ((host(NAME, identity_claim=Identity("x")), *WELL[1:]), "a person is asked who it is"),
        ((host(NAME, attested="removed"), *WELL[1:]), "it is leaving already"),
        ((host(NAME, cordoned="by hand"), *WELL[1:]), "it is cordoned: by hand"),
    ],
)
def test_only_one_that_is_plainly_well_and_open_to_all_is_judged_superfluous(
    well: tuple[Any, ...], words: str
) -> None:
    assert reason(planned(well=well)).startswith(words)


def test_another_host_under_its_name_was_never_lent() -> None:
    replaced = (host(NAME, identity=Identity("chassis-2")), *WELL[1:])
    assert reason(planned(loan=replace(LENT, identity=Identity("chassis-1")), well=replaced)).startswith(
        "another host"
    )
    assert isinstance(planned(loan=replace(LENT, identity=Identity("chassis-2")), well=replaced), Planned)


def test_what_is_claimed_of_a_host_is_no_plain_health() -> None:
    claim = Claim(VerdictKind.WEDGED, "store", NOON, "tasks hang")
    spoken = builders.sighting(NAME, heart=0.5, connected=True, claims=(claim,))
    assert "tasks hang" in reason(planned(well=(WELL[0], spoken, WELL[2])))


@pytest.mark.parametrize("stage", [LoanStage.CLOSING, LoanStage.ASKED])
def test_once_begun_it_is_not_begun_again(stage: LoanStage) -> None:
    found = planned(loan=replace(LENT, stage=stage))
    assert isinstance(found, Planned)
    assert found.effects == ()
    assert found.waiting


def test_what_is_given_back_is_complete() -> None:
    assert planned(loan=replace(LENT, stage=LoanStage.RETURNED)) == Planned()


def test_one_that_is_stuck_is_held_for_the_cooldown_and_then_asked_back_again() -> None:
    stuck = replace(LENT, stage=LoanStage.STUCK, moved_at=NOON - 9 * MINUTE, by="burst_over", note="answered 503")
    closed = (host(NAME, cordoned="burst_over"), *WELL[1:])
    found = planned(loan=stuck, well=closed)
    assert found == Hold("GiveBackStuck", "answered 503; it is asked back again in 60 s")
    again = planned(loan=replace(stuck, moved_at=NOON - 10 * MINUTE), well=closed)
    assert isinstance(again, Planned)
    assert again.effects


@pytest.mark.parametrize("tries", [0, 1])
def test_one_that_never_joined_and_is_stuck_is_asked_back_again_after_the_cooldown(tries: int) -> None:
    """Nothing ever was on it, since when is not asked."""
    stuck = Loan(NAME, "arn", "b1", LONG_AGO, LoanStage.STUCK, NOON - 10 * MINUTE, tries=tries)
    again = planned(loan=stuck, well=())
    assert isinstance(again, Planned)
    assert again.effects == (GiveBack(NAME, "burst_over"),)


def test_one_in_whose_name_somebody_greets_lives_and_is_forgotten() -> None:
    orphan = Loan(NAME, "arn", "b1", NOON - 16 * MINUTE)
    action = ACTIONS["give_back"]
    known = replace(fleet(orphan), strangers=frozenset({NAME}))
    assert reason(action.plan(case(known, NAME, BOOK), action.params())).startswith("an agent greets in its name")


def test_one_that_never_joined_is_asked_back_once_it_may_join_no_more() -> None:
    orphan = Loan(NAME, "arn", "b1", NOON - 14 * MINUTE)
    assert planned(loan=orphan, well=()) == Planned(waiting="it may still join, for 60 s")
    late = planned(loan=replace(orphan, asked_at=NOON - 15 * MINUTE), well=())
    assert isinstance(late, Planned)
    assert late.effects == (GiveBack(NAME, "burst_over"),)
