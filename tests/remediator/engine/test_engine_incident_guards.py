"""What incidents do to acts: held, let go to the group's playbook, slowed for survivors; and what capacity asks."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.actions.effects import Migrate, Recreate
from remediator.engine.decide import case_of, decide
from remediator.engine.explain import account, subjects
from remediator.engine.guards import table as guards
from remediator.engine.incidents.survivors import STOP, pace_of
from remediator.model.decision import DecisionOutcome, Hold
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity
from remediator.model.incident import Incident, IncidentStage
from remediator.model.people import Release
from remediator.model.policy import Correlated, EvidenceGuard, Policy, Step
from remediator.model.suspicion import Spell, Suspicion
from tests.remediator.builders import (
    NOON,
    SECOND,
    alert,
    case,
    dead,
    fleet,
    host,
    machine,
    playbook,
    policy,
    proved,
    remediation,
    verdict,
)

OPEN = Incident("i1", "rack", "r1", NOON - 60 * SECOND, ("h1", "h2", "h3"), reason="3 of 3 fell")
LET_GO = replace(OPEN, stage=IncidentStage.RELEASED, released=OPEN.hosts)
GROUP = playbook("rack_dead", budgets=(), correlated=Correlated())
BOOKS = policy(playbook(budgets=()), GROUP)
LOST = [proved(dead(f"h{n}")) for n in (1, 2, 3)]
TOLD = [verdict(each.name) for each in LOST]
SPARE = [host("s1", "r8"), host("s2", "r9")]


def rack(*more: Any, **fields: Any) -> Fleet:
    mine = [machine(f"m{n}", on=f"h{n}") for n in (1, 2, 3)]
    return fleet(*LOST, *TOLD, *SPARE, *mine, *more, **fields)


def held(known: Fleet, name: str = "host_dead", books: Policy = BOOKS) -> Hold | None:
    return guards.correlated(case_of(books, name, "h1", known, NOON))


def test_an_open_incident_holds_and_says_how_it_ends() -> None:
    hold = held(rack(OPEN))
    assert hold is not None
    assert (hold.reason, hold.facts) == ("Correlated", {"label": "rack", "value": "r1", "hosts": ["h1", "h2", "h3"]})
    assert hold.text == (
        "incident i1, 3 hosts of rack r1, open (3 of 3 fell): it waits for proof for the group, its members, or a"
        " person's release"
    )


def test_it_freezes_what_has_begun_too() -> None:
    begun = remediation("h1", "mark_host_dead")
    assert held(rack(OPEN, begun)) is not None
    assert held(rack(begun)) is None


def test_let_go_the_groups_playbook_acts_and_the_single_one_leaves_it_to_it() -> None:
    assert held(rack(LET_GO), "rack_dead") is None
    hold = held(rack(LET_GO))
    assert hold is not None
    assert "let go, and rack_dead works on it" in hold.text
    # Without a playbook for the group the single one goes on, within its budgets.
    assert held(rack(LET_GO), books=policy(playbook(budgets=()))) is None


def test_a_groups_playbook_acts_on_nothing_else() -> None:
    asked = rack(alerts=(alert("h1", "rack_dead"),))
    hold = held(asked, "rack_dead")
    assert hold is not None
    assert hold.reason == "NoIncident"
    assert (held(rack(OPEN), "rack_dead") or Hold("", "")).reason == "Correlated"


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({}, True),
        ({"incident": "i1", "playbook": "rack_dead"}, True),
        ({"hosts": ("h2",)}, False),
        ({"until": NOON}, False),
        ({"playbook": "host_wedged"}, False),
    ],
)
def test_a_person_lets_named_hosts_go(change: dict[str, Any], *, passes: bool) -> None:
    word = replace(Release("x", ("h1",), "anna", "seen", NOON, NOON + timedelta(hours=1)), **change)
    assert (held(rack(OPEN, word)) is None) is passes


def test_whom_the_deadline_left_to_people_is_left_to_them_until_it_is_back() -> None:
    over = replace(OPEN, stage=IncidentStage.CLOSED, moved_at=NOON, outcome="deadline: partitioned, left to people")
    assert held(rack(over)) is not None
    assert held(rack(replace(over, outcome="members returned but for h1"))) is None
    # Dead again since: that is another matter.
    again = replace(rack(over), hosts={**rack().hosts, "h1": dead("h1", died_at=NOON + SECOND)})
    assert held(again) is None


def test_a_whole_rack_with_proof_is_recovered_host_by_host() -> None:
    found = decide(BOOKS, ACTIONS, "host_dead", rack(LET_GO), NOON)
    acts = {(d.playbook, d.target) for d, e in found.decisions if d.outcome is DecisionOutcome.ACT and e}
    assert acts == {("rack_dead", f"h{n}") for n in (1, 2, 3)}
    assert decide(BOOKS, ACTIONS, "host_dead", rack(OPEN), NOON).remediations == ()


def survivor(began: float, received: float = 60) -> Fleet:
    """One of its machines runs on s1 since ``received``; s1 came into doubt ``began`` ago, and is out of it."""
    new = machine("n1", on="s1", replaces="m1", created_at=NOON - received * SECOND)
    gone = replace(machine("m1"), replaced_by="n1")
    spell = Spell(NOON - began * SECOND, NOON - (began - 1) * SECOND)
    return rack(LET_GO, new, gone, Suspicion("s1", (spell,)))


@pytest.mark.parametrize(
    ("began", "pace"),
    [(10, 0.0), (STOP.total_seconds() - 1, 0.0), (STOP.total_seconds(), 0.5), (3000, 0.5)],
)
def test_a_survivor_in_doubt_stops_recreates_and_half_the_pace_returns(began: float, pace: float) -> None:
    released = replace(survivor(began, received=3500), incidents={"i1": replace(LET_GO, opened_at=NOON - STOP * 20)})
    asked = replace(case_of(BOOKS, "rack_dead", "h2", released, NOON), action="recreate")
    assert pace_of(asked) == pace
    hold = guards.survivors(asked)
    assert (hold is not None and hold.reason == "SurvivorInDoubt") is (pace == 0.0)
    # What kills, or tells, is another guard's matter.
    assert guards.survivors(replace(asked, action="condemn")) is None


def test_a_doubt_from_before_the_work_came_says_nothing() -> None:
    assert pace_of(case_of(BOOKS, "rack_dead", "h2", survivor(began=50, received=40), NOON)) == 1.0
    assert pace_of(case_of(BOOKS, "rack_dead", "h2", rack(LET_GO), NOON)) == 1.0


def test_half_the_pace_is_half_of_what_is_given_out() -> None:
    many = [machine(f"x{n:02}", on="h2") for n in range(20)]
    spare = [host(f"t{n}", f"t{n}") for n in range(10)]
    calm, slowed = rack(LET_GO, *many, *spare), survivor(began=400, received=3500)
    slowed = replace(
        slowed,
        machines={**slowed.machines, **{each.id: each for each in many}},
        hosts={**slowed.hosts, **{each.name: each for each in spare}},
        incidents={"i1": replace(LET_GO, opened_at=NOON - STOP * 20)},
    )

    def given(known: Fleet) -> int:
        found = decide(BOOKS, ACTIONS, "host_dead", known, NOON)
        return sum(isinstance(effect, Recreate) for _, effects in found.decisions for effect in effects)

    assert given(slowed) <= 10 < given(calm) <= 20


EMPTYING = playbook(
    "host_array_degraded", steps=(Step("drain"),), evidence=EvidenceGuard(), budgets=(), correlated=None,
    capacity="proof",
)  # fmt: skip


def draining(room: int) -> Fleet:
    here = [machine("m1"), machine("m2", app="db", config={"guest": {"cpus": 1, "memory_mb": 1000}})]
    spare = host("s1", "r9", capacity=Capacity(8, room, 8192))
    return fleet(host("h1"), spare, *here, alerts=(alert("h1", "host_array_degraded"),))


def test_nothing_moves_before_there_is_room_for_all_of_it() -> None:
    found = decide(policy(EMPTYING), ACTIONS, "host_dead", draining(1255), NOON)
    ((told, effects),) = found.decisions
    assert (told.reason, effects) == ("NoCapacity", ())
    assert [wish.machine for wish in found.unplaced] == ["m1"], "hosts are asked for, for what has no room"
    enough = decide(policy(EMPTYING), ACTIONS, "host_dead", draining(1256), NOON)
    assert {e.machine for _, effects in enough.decisions for e in effects if isinstance(e, Migrate)} == {"m1", "m2"}


def test_what_has_begun_to_move_goes_on_and_others_are_not_asked() -> None:
    begun = case(draining(10), book=EMPTYING, remediation=remediation("h1", "drain", playbook=EMPTYING.name))
    assert guards.capacity(replace(begun, action="drain")) is None
    free = replace(EMPTYING, capacity="")
    assert guards.capacity(replace(case(draining(10), book=free), action="drain")) is None


def test_an_account_names_the_incident() -> None:
    known = rack(OPEN)
    told = account(BOOKS, ACTIONS, "host_dead", case_of(BOOKS, "host_dead", "h1", known, NOON))
    assert told.nearest == "Correlated"
    assert "incident i1" in told.nearest_text
    assert subjects(BOOKS, "host_dead", known, "h1") == ["host_dead", "rack_dead"]
    free = account(BOOKS, ACTIONS, "rack_dead", case_of(BOOKS, "rack_dead", "h1", rack(LET_GO), NOON))
    word = next(each for each in free.words if each.guard == "correlated")
    assert (word.state, word.text) == ("passed", "incident i1 has let it go: 3 of 3 fell")
