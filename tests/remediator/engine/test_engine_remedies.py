"""What comes of remedies: verified, judged by their record, not repeated in vain, taken back, and held by people."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from remediator.actions.effects import MarkAlive, Migrate, NoteRecovery, Quarantine, Recreate
from remediator.actions.poison import poisoned
from remediator.actions.quarantine import QUARANTINE, QuarantineParams
from remediator.actions.spec import Planned
from remediator.engine.decide import Verdicts, decide
from remediator.engine.guards import effectiveness
from remediator.engine.guards import table as guards
from remediator.engine.guards.cooldown import earlier_steps
from remediator.engine.guards.holds import spared
from remediator.engine.guards.self_fencing import fenced
from remediator.engine.machines.refusals import Refused
from remediator.engine.people.maintenance import seen_healthy
from remediator.engine.people.spoken import Ground
from remediator.engine.people.trusted import trusted
from remediator.engine.verify import judge_verify, read_verify
from remediator.engine.waits import kept, may_send
from remediator.model.decision import Hold
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.machine import Machine, Recovery
from remediator.model.people import OperatorHold, Scope
from remediator.model.policy import Effectiveness, EvidenceGuard, Limits, Mode, Playbook, Step, Undo, Verify
from remediator.model.record import Record
from remediator.model.request import Origin
from remediator.model.said import Said, Trust
from tests.remediator.builders import (
    ACTIONS,
    CLOSED,
    DEAD_AGO,
    NOON,
    SECOND,
    alert,
    case,
    dead,
    destroy,
    fleet,
    host,
    machine,
    playbook,
    policy,
    remediation,
    verdict,
)

MINUTE = timedelta(minutes=1)
STEPS = (Step("cordon"), Step("notify"))
LIVING = replace(playbook("host_disk_full"), evidence=EvidenceGuard(), steps=STEPS, budgets=(), correlated=None)
LIMITS = Limits()
POISON = "quarantined: its last two hosts, h1 and h2, each died within 15 min of its start"


def decided(known: Fleet, book: Playbook, now: datetime = NOON) -> Verdicts:
    return decide(policy(book), ACTIONS, "host_dead", known, now)


def words(found: Verdicts) -> list[tuple[str, str, str]]:
    return [(each.action, each.outcome.value, each.reason) for each, _ in found.decisions]


@pytest.mark.parametrize(
    ("recovery", "late", "amiss"),
    [
        (Recovery.NONE, True, 1),
        (Recovery.NONE, False, 1),
        (Recovery.PLACED, True, 0),
        (Recovery.SERVING, True, 0),
        (Recovery.HELD, True, 0),
        (Recovery.WAITING, True, 1),
    ],
)
def test_every_machine_must_be_what_the_playbook_says_when_its_time_is_up(
    recovery: Recovery, *, late: bool, amiss: int
) -> None:
    book = replace(playbook(), verify=Verify(5 * MINUTE, ("placed", "held")))
    begun = remediation("h1", "recreate", ago=301 if late else 299)
    facts = read_verify(case(fleet(dead(), machine("m1", recovery=recovery)), book=book, remediation=begun))
    assert facts is not None
    assert (facts["late"], facts["amiss"]) == (late, amiss)
    hold = judge_verify(facts)
    assert (hold.reason if hold else "") == ("NotVerified" if late and amiss else "")


def test_without_machines_to_look_at_the_signal_must_have_cleared() -> None:
    book = replace(LIVING, verify=Verify(5 * MINUTE, otherwise="ask"))
    begun = remediation("h1", "cordon", "notify", playbook="host_disk_full", ago=300)
    known = fleet(host(cordoned="host_disk_full"), begun, alerts=(alert("h1", "host_disk_full"),))
    found = decided(known, book)
    assert words(found) == [("verify", "ask", "NotVerified")]
    assert [each.verified for each in found.remediations] == ["failed"]
    assert [result.succeeded for record in found.records for result in record.results] == [False]
    again = decided(replace(known, remediations={found.remediations[0].key: found.remediations[0]}), book)
    assert (words(again), again.records) == ([("verify", "ask", "NotVerified")], ()), (
        "judged once, told until it ends"
    )
    cleared = decided(replace(known, alerts=()), book)
    assert [(each.outcome, each.verified) for each in cleared.remediations] == [("the signal cleared", "succeeded")]


def test_a_host_that_came_back_by_itself_is_neither_success_nor_failure() -> None:
    found = decided(fleet(host(), remediation("h1", "recreate")), playbook())
    assert [(each.outcome, each.verified) for each in found.remediations] == [("the host is back", "")]
    assert found.records == ()


def record(*results: bool, book: Playbook = LIVING) -> Record:
    known = None
    for number, succeeded in enumerate(results):
        known = effectiveness.noted(known, book, "h1", NOON + number * SECOND, succeeded=succeeded)
    assert known is not None
    return known


def test_a_playbook_that_helps_too_seldom_asks_until_it_is_edited_or_trusted_again() -> None:
    book = replace(LIVING, effectiveness=Effectiveness(last=4, at_least=0.5))
    assert effectiveness.fallen(book, record(False, False, False, book=book)) == "", "too few to judge"
    assert effectiveness.fallen(book, record(True, True, False, False, book=book)) == ""
    fell = record(True, False, False, False, book=book)
    told = "1 of its last 4 remediations helped, 50% must: it asks before each act"
    assert effectiveness.fallen(book, fell) == told
    better = effectiveness.noted(fell, book, "h1", NOON, succeeded=True)
    assert effectiveness.fallen(book, better), "one success does not make it trusted"
    assert effectiveness.fallen(replace(book, cooldown=MINUTE), fell) == "", "an edit is a new beginning"
    assert effectiveness.fallen(book, fell.trusted_again("anna", "mended", NOON)) == ""
    assert effectiveness.fallen(replace(book, mode=Mode.SHADOW), fell) == ""
    assert len(record(*[True] * 9, book=book).results) == 4


def test_a_person_trusts_it_again_and_an_unknown_one_is_told() -> None:
    fell = record(*[False] * 10)
    on = Ground(replace(fleet(), records={LIVING.name: fell}), {LIVING.name: LIVING}, NOON)
    word = Trust(LIVING.name)
    said = Said(word, "anna", "mended")
    (row,) = trusted(word, said, on).puts
    assert effectiveness.fallen(LIVING, row) == ""
    assert trusted(word, said, replace(on, fleet=replace(on.fleet, records={LIVING.name: row}))).puts == ()
    with pytest.raises(Refused, match="did you mean 'host_disk_full'"):
        trusted(Trust("host_disk_ful"), said, on)


def test_fallen_it_asks_before_what_changes_the_fleet_and_tells_all_the_same() -> None:
    book = replace(LIVING, effectiveness=Effectiveness(last=2, at_least=0.6))
    known = fleet(host(), alerts=(alert("h1", "host_disk_full"),))
    fell = replace(known, records={book.name: record(False, False, book=book)})
    assert words(decided(known, book)) == [("cordon", "act", "Acting"), ("notify", "act", "Acting")]
    assert words(decided(fell, book)) == [("cordon", "ask", "Ineffective"), ("notify", "act", "Acting")]


def closed(ago: float, *steps: str) -> Fleet:
    done = replace(remediation("h1", *steps, playbook="host_disk_full", ago=ago), closed_at=NOON - SECOND)
    done = replace(done, steps=dict.fromkeys(steps, NOON - ago * SECOND))
    return fleet(host(), done, alerts=(alert("h1", "host_disk_full"),))


def test_the_same_failure_again_escalates_to_the_next_rung() -> None:
    book = replace(LIVING, cooldown=10 * MINUTE)
    found = decided(closed(60, "cordon"), book)
    assert words(found) == [("cordon", "hold", "Cooldown"), ("notify", "act", "Acting")]
    (held, _), *_ = found.decisions
    assert held.facts["guards"]["cooldown"] == {"ago": 60.0, "cooldown": 600.0}
    assert words(decided(closed(600, "cordon"), book))[0] == ("cordon", "act", "Acting")


def test_a_third_time_is_still_within_the_first_ones_cooldown() -> None:
    book = replace(LIVING, cooldown=10 * MINUTE)
    (second,) = decided(closed(60, "cordon"), book).remediations
    assert sorted(second.earlier) == ["cordon"]
    third = earlier_steps(case(fleet(host()), book=book), replace(second, closed_at=NOON))
    assert sorted(third.earlier) == ["cordon", "notify"]


@pytest.mark.parametrize(("back_for", "lately"), [(59, ["recreate"]), (60, [])])
def test_a_host_that_was_back_for_a_while_has_failed_anew(back_for: float, lately: list[str]) -> None:
    """One that comes and goes does not get its machines recreated and withdrawn at each turn."""
    died = NOON - DEAD_AGO
    before = replace(
        remediation("h1", ago=120), steps={"recreate": NOON - MINUTE}, closed_at=died - back_for * SECOND
    )
    assert sorted(earlier_steps(case(fleet(dead())), before).earlier) == lately


@pytest.mark.parametrize(("dead_for", "holds"), [(119, True), (120, False)])
def test_one_that_stays_away_beyond_patience_does_not_come_and_go(dead_for: int, *, holds: bool) -> None:
    begun = replace(remediation("h1", ago=200), earlier={"recreate": NOON - 200 * SECOND})
    asked = case(fleet(dead(ago=timedelta(seconds=dead_for))), remediation=begun)
    assert (guards.cooldown(replace(asked, action="recreate")) is not None) is holds
    assert guards.cooldown(replace(asked, action="restore_volumes")) is None, "never the next one"


def hold(scope: Scope, name: str, since: datetime = NOON - SECOND, until: datetime = NOON + SECOND) -> OperatorHold:
    return OperatorHold(scope, name, "anna", "looking at it", since, until)


def held(*holds: OperatorHold, known: Fleet | None = None) -> Fleet:
    return replace(known or fleet(dead(), machine("m1")), operator_holds={each.key: each for each in holds})


@pytest.mark.parametrize(
    ("scope", "name", "holds"),
    [
        (Scope.HOST, "h1", True),
        (Scope.HOST, "h10", False),
        (Scope.RACK, "r1", True),
        (Scope.RACK, "r2", False),
        (Scope.REGION, "arn", True),
        (Scope.REGION, "fra", False),
        (Scope.PLAYBOOK, "host_dead", True),
        (Scope.PLAYBOOK, "host_wedged", False),
        (Scope.FLEET, "all of it", True),
        (Scope.APP, "web", False),
    ],
)
def test_a_hold_is_about_exactly_what_it_names(scope: Scope, name: str, *, holds: bool) -> None:
    assert (guards.operator_hold(case(held(hold(scope, name)))) is not None) is holds


@pytest.mark.parametrize(
    ("span", "holds"),
    [
        ({"until": NOON}, False),
        ({"until": NOON + SECOND}, True),
        # Said before our clock was stepped back.
        ({"since": NOON + SECOND, "until": NOON + MINUTE}, True),
    ],
)
def test_a_hold_lasts_for_as_long_as_it_says(span: dict[str, datetime], holds: bool) -> None:
    assert (guards.operator_hold(case(held(hold(Scope.HOST, "h1", **span)))) is not None) is holds


def test_a_hold_against_a_playbook_lets_others_act_on_the_same_target() -> None:
    against = replace(hold(Scope.HOST, "h1"), playbook="host_wedged")
    assert guards.operator_hold(case(held(against))) is None
    mine = replace(against, playbook="host_dead")
    told = guards.operator_hold(case(held(against, mine)))
    assert told == Hold(
        "OperatorHold", "anna holds host h1 against host_dead until 2026-08-01 12:00:01Z: looking at it"
    )
    general = guards.operator_hold(case(held(mine, hold(Scope.HOST, "h1"))))
    assert general == Hold("OperatorHold", "anna holds host h1 until 2026-08-01 12:00:01Z: looking at it")
    assert may_send(destroy("m1"), held(mine), NOON) == "", "whatever was decided before goes on"


def test_machines_held_against_a_playbook_are_left_out_of_its_plans_alone() -> None:
    known = held(replace(hold(Scope.APP, "web"), playbook="host_wedged"), known=fleet(dead(), machine("m1")))
    wish = Planned((Recreate("m1", "I-m1", 1),))
    assert spared(case(known), wish) == wish
    other = case(known, book=replace(LIVING, name="host_wedged"))
    assert spared(other, Planned((Migrate("m1", "h1", "x"),))) != Planned((Migrate("m1", "h1", "x"),))


def test_apps_and_other_targets_are_held_by_their_own_names() -> None:
    about, version = replace(LIVING, target="app"), replace(LIVING, target="version")
    assert guards.operator_hold(case(held(hold(Scope.APP, "web")), "web", about)) is not None
    assert guards.operator_hold(case(held(hold(Scope.APP, "web")), "shop", about)) is None
    assert guards.operator_hold(case(held(hold(Scope.FLEET, "x")), "1.2", version)) is not None


@pytest.mark.parametrize(("scope", "name"), [(Scope.MACHINE, "m1"), (Scope.APP, "web")])
def test_held_machines_are_left_out_of_plans_with_the_reason_on_them(scope: Scope, name: str) -> None:
    known = held(hold(scope, name), known=fleet(dead(), machine("m1"), machine("m2", app="shop")))
    wishes = (Recreate("m1", "I-m1", 1), Recreate("m2", "I-m2", 1))
    told = f"anna holds {scope} {name} until 2026-08-01 12:00:01Z: looking at it"
    left = spared(case(known), Planned(wishes))
    assert isinstance(left, Planned)
    assert left.effects == (NoteRecovery("m1", Recovery.HELD, told, "OperatorHold"), wishes[1])
    noted = replace(known.machines["m1"], recovery=Recovery.HELD, recovery_reason=told)
    after = replace(known, machines={**known.machines, "m1": noted})
    assert spared(case(after), Planned(wishes)) == Planned((wishes[1],)), "said once"
    assert spared(case(known), Planned((Migrate("m1", "h1", "x"),))) == Hold("OperatorHold", told)


def test_an_automatic_destroy_waits_for_a_hold_and_an_owners_does_not() -> None:
    known = held(hold(Scope.APP, "web"), known=fleet(host(), machine("m1")))
    assert may_send(destroy("m1"), known, NOON) == "OperatorHold"
    assert may_send(destroy("m1", origin=Origin.OWNER), known, NOON) == ""
    assert may_send(destroy("m1"), known, NOON + SECOND) == ""


def test_doubts_are_told_by_the_first_of_them_and_named_all() -> None:
    told = fenced({"doubts": {"LoopLag": "late", "Isolated": "alone"}})
    assert told == Hold("SelfFenced", "Isolated: alone", {"doubts": ["Isolated", "LoopLag"]})


def test_what_waits_for_a_persons_word_says_which() -> None:
    """A gate that is closed, or a doubt of ours, is no person's word."""
    known = fleet(host(maintenance_until=NOON + SECOND), machine("m1"), gate=CLOSED, doubts={"LoopLag": "late"})
    assert may_send(destroy("m1"), known, NOON) == "Maintenance"
    assert kept(destroy("m1"), known, NOON) == "h1 is in maintenance until 2026-08-01 12:00:01Z"
    assert kept(destroy("m1", origin=Origin.OWNER), known, NOON) == ""
    assert kept(destroy("m1"), known, NOON + SECOND) == ""
    assert may_send(destroy("m1"), known, NOON + SECOND) == "SelfFenced"
    assert kept(destroy("m1"), fleet(host(), frozen="by anna"), NOON) == "all acting is stopped: by anna"


@pytest.mark.parametrize(
    ("doubt", "reason"), [("DiskLow", ""), ("LoopLag", "SelfFenced"), ("LeaseLost", "SelfFenced")]
)
def test_who_distrusts_itself_destroys_nothing_but_for_lack_of_disk(doubt: str, reason: str) -> None:
    known = fleet(host(), machine("m1"), doubts={doubt: "told"})
    assert may_send(destroy("m1"), known, NOON) == reason
    assert may_send(destroy("m1", origin=Origin.OPERATOR), known, NOON) == ""


@pytest.mark.parametrize(
    ("until", "kind", "life", "over"),
    [
        (NOON, VerdictKind.ALIVE, Life.HEALTHY, True),
        (NOON + SECOND, VerdictKind.ALIVE, Life.HEALTHY, False),
        (NOON, VerdictKind.SUSPECT, Life.HEALTHY, False),
        (NOON, VerdictKind.FLAPPING, Life.HEALTHY, False),
        (NOON, VerdictKind.ALIVE, Life.PROBATION, False),
    ],
)
def test_a_maintenance_is_over_once_the_host_was_seen_healthy(
    until: datetime, kind: VerdictKind, life: Life, *, over: bool
) -> None:
    kept = host(maintenance_until=until, maintenance_by="anna", maintenance_why="disks", life=life)
    after = seen_healthy(kept, verdict(kind=kind), NOON)
    assert (after.maintenance_until is None) is over
    assert (after.maintenance_by == "") is over


@pytest.mark.parametrize(
    ("since", "life", "undone"),
    [
        (NOON - 31 * SECOND, Life.HEALTHY, True),
        (NOON - 29 * SECOND, Life.HEALTHY, False),
        (NOON - MINUTE, Life.PROBATION, False),
    ],
)
def test_a_host_that_is_well_again_is_said_to_be_alive_once(since: datetime, life: Life, *, undone: bool) -> None:
    book = replace(playbook(), undo=Undo("mark_host_alive", 30 * SECOND))
    done = replace(remediation("h1", "mark_host_dead"), closed_at=NOON - MINUTE)
    known = fleet(host(life=life, since=since), done)
    found = decided(known, book)
    assert [effects for _, effects in found.decisions] == ([(MarkAlive("h1"),)] if undone else [])
    if undone:
        assert decided(replace(known, remediations={done.key: found.remediations[0]}), book).decisions == ()


def test_what_heals_is_blocked_by_no_budget_nor_breaker() -> None:
    """Only a person's word and the evidence bind it."""
    healing = replace(playbook(), name="over", evidence=EvidenceGuard(), steps=(Step("uncordon"),))
    known = fleet(host(cordoned="full"), alerts=(alert("h1", "over"),), doubts={"DiskLow": "4%", "LoopLag": "9 s"})
    known = replace(known, gate=None, backlog_since={"over": NOON})
    assert words(decided(known, healing)) == [("uncordon", "act", "Acting")]


def chain(here: float, there: float) -> tuple[Fleet, Machine]:
    """m1 died with h1, its replacement m2 with h2, so many minutes after each had started."""
    first = machine("m1", on="h1", created_at=NOON - 60 * MINUTE, replaced_by="m2")
    second = machine("m2", on="h2", created_at=NOON - 30 * MINUTE, replaces="m1")
    lost = dead("h2", ago=(30 - here) * MINUTE)
    hosts = (host("h1", died_at=first.created_at + there * MINUTE), lost, host("h3", "r3"))
    return fleet(*hosts, first, second, verdict("h2")), second


@pytest.mark.parametrize(
    ("here", "there", "holds"), [(14, 14, True), (15, 15, True), (16, 1, False), (1, 16, False), (5, -1, False)]
)
def test_two_hosts_that_died_soon_after_its_start_make_it_poison(here: int, there: int, *, holds: bool) -> None:
    known, second = chain(here, there)
    assert bool(poisoned(known, second, LIMITS.poison)) is holds


def test_one_host_twice_is_not_two_hosts_and_a_person_may_let_it_go() -> None:
    known, second = chain(5, 5)
    assert poisoned(known, second, LIMITS.poison) == POISON
    assert poisoned(known, replace(second, quarantine_lifted_at=NOON), LIMITS.poison) == ""
    assert poisoned(known, replace(second, replaces=""), LIMITS.poison) == ""
    assert poisoned(known, replace(second, host="h1"), LIMITS.poison) == ""


def test_quarantine_names_the_apps_poison_once() -> None:
    known, second = chain(5, 5)
    about = replace(LIVING, target="app")
    found = QUARANTINE.plan(case(known, "web", about), QuarantineParams())
    assert isinstance(found, Planned)
    assert [effect.key for effect in found.effects] == ["quarantine:m2"]
    marked = replace(known, machines={**known.machines, "m2": replace(second, quarantined="why")})
    assert QUARANTINE.plan(case(marked, "web", about), QuarantineParams()) == Planned()
    assert QUARANTINE.plan(case(known, "web", about), QuarantineParams(within=4 * MINUTE)) == Planned()


def wanted(known: Fleet) -> list[object]:
    begun = replace(known, remediations={"host_dead/h2": remediation("h2", "mark_host_dead")})
    return [effect for _, effects in decided(begun, playbook()).decisions for effect in effects]


def test_a_quarantined_machine_is_not_recreated() -> None:
    known, _ = chain(29.9, 5)
    assert [type(effect) for effect in wanted(known)] == [Recreate]
    known, second = chain(5, 5)
    assert wanted(known) == [Quarantine("m2", POISON)]
    kept = replace(second, quarantined="why")
    assert wanted(replace(known, machines={**known.machines, "m2": kept})) == [
        NoteRecovery("m2", Recovery.HELD, "why", "Quarantined")
    ]
