"""Decisions in virtual time: who is acted on, who is held and for how long, and what follows from it."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from remediator.model.loan import Loan, LoanStage
from remediator.model.policy import Budget, Mode, Share, Step
from remediator.simulate.replay.compare import compared, reproduced
from remediator.simulate.replay.past import Befell
from tests.remediator.builders import NOON, SECOND, host, machine
from tests.remediator.simulate.site import host_dead, lost, past, policy, replayed


def acts(found: object) -> list[tuple[float, str, str]]:
    return [((d.at - NOON).total_seconds(), d.target, d.action) for d in found.acts]  # type: ignore[attr-defined]


def test_a_lost_host_is_marked_its_machines_recreated_and_the_originals_condemned_after_patience() -> None:
    found = replayed(past(*lost("h1", 60, 1800)), [host_dead("h1", 61, 1801)])
    told = acts(found)
    assert [(target, action) for _, target, action in told] == [
        ("h1", "mark_host_dead"),
        ("h1", "recreate"),
        ("h1", "condemn"),
        ("h1", "mark_host_alive"),
    ]
    assert told[0][0] == 60
    assert 180 <= told[2][0] < 181
    assert "app-a/name-m1a, app-b/name-m1b" in found.acts[1].text


def test_without_the_rule_there_is_no_second_witness_and_nothing_is_condemned() -> None:
    found = replayed(past(*lost("h1", 60, 1800)))
    assert [action for _, _, action in acts(found)] == ["mark_host_dead", "recreate", "mark_host_alive"]
    (hold,) = [hold for hold in found.holds if hold.decision.reason == "SecondWitnessMissing"]
    assert (hold.decision.action, round(hold.lasted.total_seconds())) == ("condemn", 1620)


def test_a_third_host_waits_for_the_budget_and_the_use_is_told() -> None:
    tight = (Budget("region", rate=Share(0.0, 2), per=timedelta(minutes=10)),)
    fallen = [each for number in (1, 2, 3) for each in lost(f"h{number}", 60 * number, 3000)]
    alerts = [host_dead(f"h{number}", 60 * number + 1, 3001) for number in (1, 2, 3)]
    found = replayed(past(*fallen), alerts, policy(host_dead={"budgets": tight, "backlog": None, "correlated": None}))
    (hold,) = [hold for hold in found.holds if hold.decision.reason == "BudgetRate"]
    assert hold.decision.target == "h3"
    # The first of the two before it is ten minutes old at 660 s.
    assert (hold.ended - NOON - timedelta(seconds=660)).total_seconds() < 1
    uses = found.budgets["host_dead", "rate", "region arn"]
    assert max(use.used for use in uses) == 2
    assert {use.allowed for use in uses} == {2}


def test_a_closed_gate_and_a_freeze_hold_and_let_go() -> None:
    shut = Befell(NOON + 50 * SECOND, "gate", "store", (False, "away"))
    opened = Befell(NOON + 300 * SECOND, "gate", "store", (True, ""))
    found = replayed(past(*lost("h1", 60, 1800), shut, opened))
    # With the gate closed and no proof a person is asked; nobody answers.
    assert [each.outcome.value for each in found.decisions if each.reason == "GateClosed"] == ["ask"]
    assert 300 <= min(at for at, _, action in acts(found) if action == "recreate") < 301
    frozen = [Befell(NOON, "frozen", "fleet", "by hand"), Befell(NOON + 200 * SECOND, "frozen", "fleet", "")]
    found = replayed(past(*lost("h1", 60, 1800), *frozen))
    assert acts(found)[0][0] >= 200


def test_nothing_is_decided_while_no_remediator_is_at_work() -> None:
    known = past(*lost("h1", 60, 1800))
    known.away = [(NOON + 61 * SECOND, NOON + 400 * SECOND)]
    found = replayed(known, [host_dead("h1", 61, 1801)])
    assert min(at for at, _, action in acts(found) if action == "condemn") >= 400


def test_a_host_that_comes_back_in_time_takes_its_machines_again_and_is_well_after_probation() -> None:
    found = replayed(past(*lost("h1", 60, 120)), [host_dead("h1", 61, 122)])
    assert [action for _, _, action in acts(found)] == ["mark_host_dead", "recreate", "mark_host_alive"]
    lives = [change.life for change in found.lives if change.host == "h1"]
    assert lives == ["suspect", "dead", "probation", "healthy"]


def test_a_disk_that_fills_is_cordoned_left_by_its_machines_and_undone_when_it_is_clear() -> None:
    alert = host_dead("h2", 60, 600)
    labels = {**alert.labels, "alertname": "HostDiskFull", "playbook": "host_disk_full"}
    found = replayed(
        past(), [type(alert)("HostDiskFull", labels, alert.born, alert.fired, alert.ended, 1.0, alert.actionable)]
    )
    assert [action for _, _, action in acts(found)] == ["cordon", "migrate", "uncordon"]
    assert acts(found)[2][0] >= 600 + 30 * 60


def test_what_is_decided_takes_its_hosts_no_longer_than_its_steps_even_where_nothing_else_happens() -> None:
    """Nobody looks in between: an operation begins when it is written down, not when the world looks again."""
    alert = replace(host_dead("h2", 60, 600), rule="HostDiskFull")
    labels = {**alert.labels, "alertname": "HostDiskFull", "playbook": "host_disk_full"}
    known = past()
    for number in range(4):
        made = machine(f"n{number}", "h2", app="app-a")
        known.rows["Machine"][made.id] = made
    found = replayed(known, [replace(alert, labels=labels)])
    moves = [at for at, _, action in acts(found) if action == "migrate"]
    # One of an app at a time: five moves, one after the other, of four operations of 50 to 100 ms each.
    assert len(moves) == 5
    assert max(later - at for at, later in pairwise(moves)) < 0.5


def test_the_same_past_is_the_same_replay_and_another_rule_is_told_apart() -> None:
    known = [*lost("h1", 60, 1800)]
    first, again = replayed(past(*known)), replayed(past(*known))
    assert reproduced(again, first.decisions).same
    other = replayed(past(*known), rules=policy(host_dead={"settle": timedelta(seconds=40)}))
    comparison = compared(first.decisions, other.decisions, first.names)
    assert not comparison.same
    assert next(each.why for each in comparison.missing).startswith("decided 37.0 s later")


def test_a_lent_host_is_given_back_again_and_another_idle_time_is_told_apart() -> None:
    known = past()
    known.rows["Host"]["b1"] = host("b1", "r9")
    lent = Loan("b1", "arn", "burst", NOON - 7200 * SECOND, LoanStage.JOINED, joined_at=NOON - 7000 * SECOND)
    lent = replace(lent, idle_since=NOON - 1200 * SECOND)
    known.rows["Loan"]["b1"] = lent
    labels = {"alertname": "BurstHostIdle", "host": "b1", "region": "arn", "playbook": "burst_over"}
    idle = replace(host_dead("b1", 500, 3000), rule="BurstHostIdle", labels=labels)
    by_itself = {"mode": Mode.AUTO}
    found = replayed(known, [idle], policy(burst_over=by_itself))
    assert acts(found) == [(600.001, "b1", "give_back")]
    assert [change.life for change in found.lives if change.host == "b1"] == ["retired"]
    longer = (Step("give_back", {"idle": timedelta(minutes=40)}),)
    assert acts(replayed(known, [idle], policy(burst_over={**by_itself, "steps": longer}))) == [
        (1200.001, "b1", "give_back")
    ]
