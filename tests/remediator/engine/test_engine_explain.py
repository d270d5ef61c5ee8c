"""All guards' words, and how far rules and steps have come."""

from dataclasses import replace
from datetime import timedelta

from remediator.actions import ACTIONS
from remediator.engine.decide import case_of
from remediator.engine.explain import Account, account, subjects
from remediator.engine.guards.guard import name_of
from remediator.engine.guards.table import BEFORE_ANY, BY_KIND
from remediator.model.alert import AlertState, Group, Rule
from remediator.model.fleet import Fleet
from remediator.model.loan import Loan
from remediator.model.policy import Budget, Kind, Mode, Playbook, Policy, Share, Step
from tests.remediator.builders import (
    NOON,
    SECOND,
    alert,
    dead,
    fleet,
    host,
    machine,
    playbook,
    policy,
    remediation,
    verdict,
)

RULE = Rule("liveness", "HostDead", "up == 0", hold_for=3 * SECOND, labels={"playbook": "host_dead"})
GROUPS = (Group("liveness", "a.yml", SECOND, (RULE,)),)
ROOMY = (host("h2", "r2"), host("h3", "r3"))
LOST = (dead(), *ROOMY, verdict(), machine())


def rules(book: Playbook | None = None) -> Policy:
    return replace(policy(book or playbook()), groups=GROUPS)


def told(known: Fleet, book: Playbook | None = None, target: str = "h1") -> Account:
    used = rules(book)
    return account(used, ACTIONS, "host_dead", case_of(used, "host_dead", target, known, NOON))


def words(found: Account) -> dict[str, tuple[str, str]]:
    return {word.guard: (word.state, word.reason) for word in found.words}


def test_every_guard_says_its_word_with_numbers() -> None:
    found = told(fleet(*LOST))
    asked = {*(name_of(guard) for guard in (*BEFORE_ANY, *BY_KIND[Kind.ADDITIVE], *BY_KIND[Kind.DESTRUCTIVE]))}
    assert sorted(word.guard for word in found.words) == sorted(asked)
    assert words(found)["evidence"] == ("passed", "")
    texts = {word.guard: word.text for word in found.words}
    assert texts["evidence"] == "dead: 3 of 3 silent, 2 outside its rack (2 must)"
    assert texts["continuity"] == "unbroken for 8 s, 2 s must be"
    assert texts["budgets"] == "InFlight 0 of 2 in this region"
    assert (found.nearest, found.nearest_text) == ("", "")


def test_the_second_witness_is_told_before_it_is_needed() -> None:
    assert words(told(fleet(*LOST)))["destructive_witnesses"] == ("holds", "SecondWitnessMissing")
    assert told(fleet(*LOST)).nearest == "", "the steps before it go on"
    seen = told(fleet(*LOST, alerts=(alert(),)))
    texts = {word.guard: word.text for word in seen.words}
    assert texts["destructive_witnesses"] == "direct, store say so; of direct, store and power two must"


def test_not_only_the_first_guard_that_holds_is_told() -> None:
    book = playbook(budgets=(Budget("region", max_in_flight=Share(0.0, 0)),))
    found = told(fleet(dead(maintenance_until=NOON + SECOND), *LOST[1:], frozen="a drill"), book)
    assert words(found)["frozen"] == ("holds", "Frozen")
    assert words(found)["maintenance"] == ("holds", "Maintenance")
    assert words(found)["budgets"] == ("holds", "BudgetInFlight")
    assert found.nearest == "Frozen"


def test_guards_of_the_first_act_are_not_asked_again() -> None:
    found = told(fleet(*LOST, remediation("h1", "mark_host_dead")))
    assert {words(found)[guard][0] for guard in ("correlated", "backlog", "budgets")} == {"not asked"}


def test_steps_say_what_is_done_what_acts_and_what_waits() -> None:
    found = told(fleet(*LOST, remediation("h1", "mark_host_dead")))
    rungs = {rung.action: rung for rung in found.rungs}
    assert (rungs["mark_host_dead"].state, rungs["mark_host_dead"].text) == ("done", "at 11:59:00Z")
    assert rungs["recreate"].state == "acts"
    assert (rungs["condemn"].state, rungs["condemn"].text) == ("waits", "1 machines have no replacement that serves")


def test_a_held_step_is_the_nearest_blocker_and_what_follows_is_not_reached() -> None:
    found = told(fleet(dead(), verdict(), machine()))
    assert found.nearest == "NoRoom"
    assert [(rung.action, rung.state) for rung in found.rungs] == [
        ("mark_host_dead", "acts"), ("recreate", "held"), ("condemn", "not reached"),
    ]  # fmt: skip


def test_a_pending_rule_says_how_many_slots_are_missing() -> None:
    pending = alert(state=AlertState.PENDING, actionable=False, active_at=NOON - SECOND, last_seen=NOON)
    (line, direct) = told(fleet(*LOST, alerts=(pending,))).asked_by
    assert line == "rule HostDead: pending since 11:59:59Z: true at 2 of 4 slots, 2 s are left"
    assert direct.startswith("direct evidence: dead")


def test_a_rule_that_fires_or_does_not_is_told_apart_from_one_that_is_only_shown() -> None:
    assert "not true for h1" in told(fleet(*LOST)).asked_by[0]
    assert "may be acted upon" in told(fleet(*LOST, alerts=(alert(),))).asked_by[0]
    shown = alert(actionable=False, last_seen=NOON)
    assert "4 slots in a row" in told(fleet(*LOST, alerts=(shown,))).asked_by[0]
    kept = alert(actionable=False, keep_since=NOON)
    assert "kept firing" in told(fleet(*LOST, alerts=(kept,))).asked_by[0]


def test_a_healthy_host_is_held_by_its_evidence() -> None:
    assert told(fleet(host(), *ROOMY)).nearest == "EvidenceDisagrees"


def test_what_nobody_asks_for_is_said_and_would_act() -> None:
    plain = playbook(evidence=replace(playbook().evidence, verdict=""), correlated=None)
    found = told(fleet(host(), *ROOMY, machine()), plain)
    assert found.nearest == "NotAsked"
    assert found.rungs[0].state == "would act"
    assert words(found)["evidence"][0] == "not asked"


def test_a_disabled_playbook_says_so() -> None:
    assert told(fleet(*LOST), playbook(mode=Mode.DISABLED)).nearest == "Disabled"


def test_who_is_a_subject_of_which_playbook() -> None:
    both = policy(playbook(), playbook("host_full"), playbook("idle"))
    known = fleet(host(), *ROOMY, alerts=(alert(playbook="host_full"),))
    assert subjects(both, "host_dead", known, "h1") == ["host_dead", "host_full"]
    assert subjects(both, "host_dead", known, "arn") == []
    opened = fleet(remediation("arn", "burst", playbook="idle"))
    assert subjects(both, "host_dead", opened, "arn") == ["idle"]


def test_a_backlog_is_among_the_words() -> None:
    since = {"host_dead": NOON - timedelta(minutes=1)}
    found = told(fleet(*LOST, dead("h8", "r8"), dead("h9", "r9"), backlog_since=since))
    assert "backlog" in words(found)


def test_of_a_lent_host_it_is_told_what_would_give_it_back() -> None:
    both = policy(playbook(), playbook("burst_over", steps=(Step("give_back"),)))
    known = fleet(host(), Loan("h1", "arn", "b1", NOON))
    assert subjects(both, "host_dead", known, "h1") == ["burst_over", "host_dead"]
    assert subjects(both, "host_dead", fleet(host()), "h1") == ["host_dead"]
    # One that never joined has no row of its own.
    assert subjects(both, "host_dead", fleet(Loan("h9", "arn", "b1", NOON)), "h9") == ["burst_over"]
