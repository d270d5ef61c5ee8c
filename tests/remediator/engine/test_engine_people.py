"""A person's word against the fleet: who is meant, whether it may be said, and which rows it changes."""

from datetime import timedelta
from typing import Any

import pytest

from remediator.engine.incidents import releases
from remediator.engine.machines.refusals import Refused
from remediator.engine.machines.single import single_apps
from remediator.engine.people import answers, leaving, operator_holds
from remediator.model.errors import BadInput
from remediator.model.fleet import Fleet
from remediator.model.host import Fence, Life
from remediator.model.incident import Incident, IncidentStage
from remediator.model.machine import MachineState, Recovery, Snapshot
from remediator.model.people import Answer, Approval, OperatorHold, Release, Scope
from remediator.model.request import DestroyStage, Origin
from remediator.model.said import (
    Approve,
    Deny,
    EndMaintenance,
    Keep,
    LetGo,
    Maintain,
    Remove,
    Retire,
    Unkeep,
)
from tests.remediator.builders import NOON, dead, destroy, fleet, host, machine, remediation, volume
from tests.remediator.engine.words import HOUR, ground, said


def question(target: str = "h1", action: str = "recreate", **more: Any) -> Approval:
    held: dict[str, Any] = {
        "asked_at": NOON - HOUR / 2,
        "expires_at": NOON + HOUR / 2,
        "then": "hold_and_page",
        "text": "may I?",
    }
    return Approval(f"q-{target}-{action}", "host_dead", target, action, **(held | more))


def asked(*questions: Approval) -> Fleet:
    return fleet(host(), approvals={each.key: each for each in questions})


@pytest.mark.parametrize("name", ["q-h1-recreate", "host_dead/h1/recreate", "host_dead/h1", "h1"])
def test_a_question_is_found_by_id_key_or_target(name: str) -> None:
    change = answers.approved(Approve(name), said(Approve(name)), ground(asked(question())))
    (row,) = change.puts
    assert (row.answer, row.by, row.why, row.answered_at) == (
        Answer.APPROVED,
        "ada (operator token)",
        "new psu",
        NOON,
    )


def test_of_two_questions_about_one_target_one_must_be_named() -> None:
    both = ground(asked(question(), question(action="condemn")))
    with pytest.raises(Refused, match="say which: host_dead/h1/condemn, host_dead/h1/recreate"):
        answers.approved(Approve("h1"), said(Approve("h1")), both)


def test_what_is_answered_is_passed_over_when_a_target_is_named() -> None:
    both = ground(asked(question(), question(action="condemn", answer=Answer.USED)))
    assert answers.approved(Approve("h1"), said(Approve("h1")), both).subject == "host_dead/h1/recreate"


def test_a_misspelt_question_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(Refused, match=r"no question is called 'h11' \(did you mean 'h1'\?\)") as told:
        answers.approved(Approve("h11"), said(Approve("h11")), ground(asked(question())))
    assert told.value.terms.status == 404


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (question(expires_at=NOON), "expired at 2026-08-01 12:00:00Z; then: hold_and_page"),
        (question(answer=Answer.EXPIRED), "expired at"),
        (question(answer=Answer.VOID), "the evidence behind it has changed"),
        (question(answer=Answer.USED, by="bob"), "acted on already, approved by bob"),
        (question(answer=Answer.DENIED, by="bob"), "was denied by bob"),
    ],
)
def test_a_question_that_is_over_cannot_be_approved(row: Approval, text: str) -> None:
    with pytest.raises(Refused, match=text):
        answers.approved(Approve("h1"), said(Approve("h1")), ground(asked(row)))


def test_a_yes_said_twice_changes_nothing_and_may_be_taken_back_until_it_is_used() -> None:
    yes = question(answer=Answer.APPROVED, by="bob")
    assert answers.approved(Approve("h1"), said(Approve("h1")), ground(asked(yes))).puts == ()
    (row,) = answers.denied(Deny("h1"), said(Deny("h1")), ground(asked(yes))).puts
    assert (row.answer, row.by) == (Answer.DENIED, "ada (operator token)")


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        (Scope.HOST, "h1"),
        (Scope.APP, "web"),
        (Scope.MACHINE, "m1"),
        (Scope.PLAYBOOK, "host_dead"),
        (Scope.RACK, "r1"),
        (Scope.REGION, "arn"),
        (Scope.FLEET, ""),
    ],
)
def test_everything_that_is_known_can_be_held(scope: Scope, name: str) -> None:
    change = operator_holds.kept(Keep(scope, name), said(Keep(scope, name)), ground(fleet(host(), machine())))
    (row,) = change.puts
    assert (row.scope, row.name, row.until, row.why) == (scope, name or "fleet", NOON + HOUR, "new psu")
    assert not row.covers(row.until)
    # A clock that was stepped back lifts no hold.
    assert row.covers(NOON - HOUR)


def test_what_is_unknown_cannot_be_held() -> None:
    with pytest.raises(Refused, match=r"no app is called 'wep' \(did you mean 'web'\?\)"):
        operator_holds.kept(Keep(Scope.APP, "wep"), said(Keep(Scope.APP, "wep")), ground(fleet(host(), machine())))


@pytest.mark.parametrize(
    ("scope", "name", "text"), [(Scope.FLEET, "h1", "such as host h1"), (Scope.HOST, "", "which host")]
)
def test_a_word_about_one_thing_neither_binds_nor_lets_go_the_whole_fleet(scope: Scope, name: str, text: str) -> None:
    everything = OperatorHold(Scope.FLEET, "fleet", "ada", "new psu", NOON, NOON + HOUR)
    on = ground(fleet(host(), operator_holds={everything.key: everything}))
    with pytest.raises(BadInput, match=text):
        operator_holds.kept(Keep(scope, name), said(Keep(scope, name)), on)
    lift = Unkeep(Scope.FLEET, "h1")
    with pytest.raises(BadInput, match="such as host h1"):
        operator_holds.unkept(lift, said(lift, None), on)


def test_a_hold_may_be_against_one_playbook_and_stands_beside_the_general_one() -> None:
    everything = OperatorHold(Scope.HOST, "h1", "ada", "new psu", NOON, NOON + HOUR)
    on = ground(fleet(host(), operator_holds={everything.key: everything}))
    word = Keep(Scope.HOST, "h1", "host_dead")
    change = operator_holds.kept(word, said(word), on)
    (row,) = change.puts
    assert (row.key, row.about) == ("host/h1/host_dead", "host h1 against host_dead")
    assert "host h1 against host_dead is held until" in change.text
    both = ground(fleet(host(), operator_holds={everything.key: everything, row.key: row}))
    lift = Unkeep(Scope.HOST, "h1", "host_dead")
    assert operator_holds.unkept(lift, said(lift, None), both).drops == (row,)
    assert operator_holds.unkept(lift, said(lift, None), on).drops == ()


def test_only_a_playbook_that_there_is_can_be_held_from_something() -> None:
    unknown, itself = Keep(Scope.HOST, "h1", "host_ded"), Keep(Scope.PLAYBOOK, "host_dead", "host_dead")
    with pytest.raises(Refused, match=r"no playbook is called 'host_ded' \(did you mean 'host_dead'\?\)"):
        operator_holds.kept(unknown, said(unknown), ground(fleet(host())))
    with pytest.raises(BadInput, match="binds that one already"):
        operator_holds.kept(itself, said(itself), ground(fleet(host())))


@pytest.mark.parametrize(
    ("until", "text"),
    [
        (None, "say when it ends"),
        (NOON, "2026-08-01 12:00:00Z is in the past"),
        (NOON + timedelta(days=91), "more than 90 days away"),
    ],
)
def test_a_hold_and_a_maintenance_always_have_an_end_that_comes(until: Any, text: str) -> None:
    keep, maintain = Keep(Scope.HOST, "h1"), Maintain(("h1",))
    with pytest.raises(BadInput, match=text):
        operator_holds.kept(keep, said(keep, until), ground(fleet(host())))
    with pytest.raises(BadInput, match=text):
        operator_holds.in_maintenance(maintain, said(maintain, until), ground(fleet(host())))


def test_a_hold_is_lifted_and_lifting_it_twice_is_no_error() -> None:
    held = OperatorHold(Scope.HOST, "h1", "ada", "new psu", NOON, NOON + HOUR)
    word = Unkeep(Scope.HOST, "h1")
    on = fleet(host(), operator_holds={held.key: held})
    assert operator_holds.unkept(word, said(word, None), ground(on)).drops == (held,)
    assert operator_holds.unkept(word, said(word, None), ground(fleet(host()))).drops == ()
    with pytest.raises(Refused, match="no host is called 'h9'"):
        operator_holds.unkept(Unkeep(Scope.HOST, "h9"), said(word, None), ground(on))


def test_maintenance_begins_and_ends_and_its_end_stays_for_the_host_must_be_seen_healthy() -> None:
    begun = operator_holds.in_maintenance(
        Maintain(("h1", "h2")), said(Maintain(())), ground(fleet(host(), host("h2")))
    )
    assert [(row.name, row.maintenance_until, row.maintenance_by) for row in begun.puts] == [
        ("h1", NOON + HOUR, "ada (operator token)"),
        ("h2", NOON + HOUR, "ada (operator token)"),
    ]
    ended = operator_holds.maintenance_over(
        EndMaintenance(("h1",)), said(EndMaintenance(())), ground(fleet(*begun.puts))
    )
    assert [(row.name, row.maintenance_until) for row in ended.puts] == [("h1", NOON)]
    again = operator_holds.maintenance_over(
        EndMaintenance(("h1",)), said(EndMaintenance(())), ground(fleet(*ended.puts))
    )
    assert (again.puts, again.text) == ((), "h1: has no maintenance to end")


def incident(*hosts: str, **more: Any) -> Incident:
    return Incident("inc1", "rack", "r1", NOON, hosts, **more)


def test_an_incident_is_released_when_all_its_hosts_are_let_go() -> None:
    on = fleet(dead("h1"), dead("h2"), incidents={"inc1": incident("h1", "h2")})
    some = LetGo(("h1",), incident="rack/r1")
    row, moved = releases.let_go(some, said(some), ground(on)).puts
    assert isinstance(row, Release)
    assert row.covers("h1", "host_dead", NOON)
    assert not row.covers("h2", "host_dead", NOON)
    assert (moved.stage, moved.released) == (IncidentStage.OPEN, ("h1",))
    whole = LetGo(incident="inc1")
    _, moved = releases.let_go(whole, said(whole), ground(on)).puts
    assert (moved.stage, moved.released, moved.moved_by) == (
        IncidentStage.RELEASED,
        ("h1", "h2"),
        "ada (operator token)",
    )


def test_a_stranger_to_the_incident_and_a_closed_one_are_refused() -> None:
    on = fleet(dead("h1"), dead("h9"), incidents={"inc1": incident("h1")})
    word = LetGo(("h9",), incident="inc1")
    with pytest.raises(Refused, match="not of incident inc1: h9; its hosts: h1"):
        releases.let_go(word, said(word), ground(on))
    shut = fleet(dead("h1"), incidents={"inc1": incident("h1", stage=IncidentStage.CLOSED, outcome="they returned")})
    word = LetGo(incident="inc1")
    with pytest.raises(Refused, match="incident inc1 is closed: they returned"):
        releases.let_go(word, said(word), ground(shut))


def test_a_backlog_is_released_by_naming_whoever_waits_in_it_now() -> None:
    on = fleet(dead("h1"), dead("h2"), host("h3"), remediation("h2", "mark_host_dead"))
    word = LetGo(playbook="host_dead")
    (row,) = releases.let_go(word, said(word), ground(on)).puts
    assert (row.hosts, row.playbook) == (("h1",), "host_dead")
    with pytest.raises(Refused, match="nobody asks for host_disk_full now"):
        releases.let_go(LetGo(playbook="host_disk_full"), said(word), ground(on))
    with pytest.raises(BadInput, match="name hosts, an incident, or a playbook"):
        releases.let_go(LetGo(), said(LetGo()), ground(on))


def test_the_same_release_twice_is_one() -> None:
    on = fleet(dead("h1"))
    word = LetGo(("h1",))
    (row,) = releases.let_go(word, said(word), ground(on)).puts
    assert releases.let_go(word, said(word), ground(fleet(dead("h1"), releases={row.id: row}))).puts == ()
    # Said again until later it is still one.
    known = ground(fleet(dead("h1"), releases={row.id: row}))
    later = releases.let_go(word, said(word, NOON + 2 * HOUR), known)
    assert ([each.until for each in later.puts], later.drops) == ([NOON + 2 * HOUR], (row,))


def test_a_retirement_completes_what_was_queued_and_gives_up_no_machine_by_itself() -> None:
    gone = machine("m1", state=MachineState.DESTROYING)
    waits = machine("m2", recovery=Recovery.WAITING)
    on = fleet(dead("h1"), gone, waits, destroy("m1", stage=DestroyStage.BLOCKED))
    word = Retire("h1", "destroyed")
    change = leaving.retired(word, said(word), ground(on))
    rows = {(type(row).__name__, getattr(row, "id", getattr(row, "machine", row))): row for row in change.puts[1:]}
    assert rows["Destroy", "m1"].stage is DestroyStage.VERIFIED_ABSENT
    assert rows["Machine", "m1"].state is MachineState.DESTROYED
    assert ("Machine", "m2") not in rows
    attested = change.puts[0]
    assert (attested.life, attested.attested, attested.fence) == (Life.DEAD, "destroyed", Fence.PROVED)
    assert "nothing serves yet for 1 of its machines (m2)" in change.text


def test_a_persons_word_takes_over_the_proof_that_another_may_take_back() -> None:
    word = Retire("h1", "wiped")
    cut_off = dead("h1", fence=Fence.PROVED, fence_by="orchestrator", fence_at=NOON - HOUR)
    on = fleet(cut_off, machine("m2", recovery=Recovery.WAITING))
    attested = leaving.retired(word, said(word), ground(on)).puts[0]
    assert (attested.fence_by, attested.fence_at) == ("ada (operator token): wiped", NOON)


def test_with_abandon_or_nothing_left_the_host_is_retired_at_once_and_its_volumes_are_lost() -> None:
    served = machine("m1", recovery=Recovery.SERVING, replaced_by="m9")
    on = fleet(dead("h1"), host("h2"), served, machine("m9", "h2", replaces="m1"), volume("v1", machine="m1"))
    change = leaving.retired(Retire("h1", "wiped"), said(Retire("h1", "wiped")), ground(on))
    last = change.puts[-1]
    assert (last.life, last.reason) == (Life.RETIRED, "wiped by ada (operator token): new psu")
    assert [row.origin for row in change.puts if hasattr(row, "origin")] == [Origin.OPERATOR]
    assert [row.state for row in change.puts if hasattr(row, "size_mb")] == ["lost"]
    lone = fleet(dead("h1"), machine("m2"))
    given_up = Retire("h1", "wiped", abandon=True)
    assert leaving.retired(given_up, said(given_up), ground(lone)).puts[-1].life is Life.RETIRED


def test_who_lives_is_not_retired_and_who_is_dead_is_not_removed() -> None:
    with pytest.raises(Refused, match="h1 is healthy: a living host leaves by 'fleetmend host remove h1'"):
        leaving.retired(Retire("h1", "wiped"), said(Retire("h1", "wiped")), ground(fleet(host())))
    with pytest.raises(Refused, match="fleetmend retire h1"):
        leaving.removed(Remove("h1"), said(Remove("h1")), ground(fleet(dead())))


def test_a_living_host_leaves_once_it_is_empty_and_may_stay_after_all() -> None:
    on = fleet(host(), host("h2"), machine("m1"))
    change = leaving.removed(Remove("h1"), said(Remove("h1")), ground(on))
    (going,) = change.puts
    assert (going.attested, going.cordoned) == ("removed", "leaving by ada (operator token): new psu")
    assert change.text == "h1 is leaving by ada (operator token): new psu; first: 1 machines"
    held = fleet(going, host("h2"), machine("m1"))
    assert [effect.key for effect in leaving.moves(going, held, NOON)] == ["migrate:m1:h1:0"]
    empty = fleet(going, host("h2"))
    assert [row.life for row in leaving.departed(going, empty, NOON)] == [Life.RETIRED]
    word = Remove("h1", stay=True)
    (stays,) = leaving.removed(word, said(word), ground(held)).puts
    assert (stays.attested, stays.cordoned) == ("", "")


def test_apps_on_a_single_machine_or_host_are_listed_with_what_a_death_would_mean() -> None:
    lone = machine("m1", app="blog", sealed=None)
    twins = [machine(f"t{n}", app="pair") for n in range(2)]
    data = machine("d1", app="db", volumes=("v1",))
    spread = [machine("s1", "h1", app="web"), machine("s2", "h2", app="web")]
    on = fleet(host(), host("h2"), lone, *twins, data, *spread, volume("v1", machine="d1"))
    told = {each.app: (each.on, each.note) for each in single_apps(on)}
    assert told == {
        "blog": ("machine", "gone until its host is back: its full config is on its host alone"),
        "db": ("machine", "gone until its host is back: 1 volumes have no snapshot"),
        "pair": ("host", "recreated elsewhere"),
    }
    copied = fleet(host(), data, volume("v1", machine="d1"), Snapshot("s1", "v1", "db", NOON, 1, "d"))
    assert [each.note for each in single_apps(copied)] == ["restored from snapshots elsewhere"]
