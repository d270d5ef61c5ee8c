"""Invariant 17: whichever guard errs, whatever else is true, nothing is done for which it would have been asked."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.actions import ACTIONS
from remediator.actions.spec import Case, Planned
from remediator.engine.again import again
from remediator.engine.decide import decide
from remediator.engine.guards import table as guards
from remediator.engine.guards.guard import AnyGuard, Facts, Guard, name_of
from remediator.engine.guards.table import Guarding
from remediator.model.decision import DecisionOutcome, Hold
from remediator.model.fleet import Fleet
from remediator.model.policy import Kind
from tests.remediator.builders import NOON, OPEN, alert, dead, fleet, host, machine, playbook, policy, proved, verdict

ERRORS = st.sampled_from(
    [KeyError, ZeroDivisionError, AttributeError, ValueError, TypeError, MemoryError, RecursionError, StopIteration]
)
# What is asked before a machine is recreated; without incidents, backlog or budgets of the playbook.
NAMES = sorted({name_of(guard) for guard in (*guards.BEFORE_ANY, *guards.BY_KIND[Kind.ADDITIVE])})


def broken(guard: AnyGuard, error: type[Exception]) -> Guard:
    def judge(_facts: Facts) -> Hold | None:
        raise error("the guard is broken")

    return Guard(name_of(guard), lambda _case: {"read": True}, judge)


def with_broken(name: str, error: type[Exception]) -> Guarding:
    def spoil(many: tuple[AnyGuard, ...]) -> tuple[AnyGuard, ...]:
        return tuple(broken(guard, error) if name_of(guard) == name else guard for guard in many)

    by_kind = {kind: spoil(many) for kind, many in guards.BY_KIND.items()}
    return Guarding(spoil(guards.BEFORE_ANY), spoil(guards.BEFORE_HEALING), by_kind)


@settings(max_examples=60)
@given(st.sampled_from(NAMES), ERRORS, st.booleans(), st.integers(1, 3))
def test_a_guard_that_raises_blocks_whatever_else_is_true(
    name: str, error: type[Exception], proof: bool, machines: int
) -> None:
    lost = proved(dead()) if proof else dead()
    work = [machine(f"m{number}") for number in range(machines)]
    known = fleet(lost, host("h2", "r2"), host("h3", "r3"), *work, verdicts={"h1": verdict()})
    known = replace(known, gate=OPEN, alerts=(alert("h1"),))
    rules = policy(playbook())
    assert any(wanted for _, wanted in decide(rules, ACTIONS, "host_dead", known, NOON).decisions)
    found = decide(rules, ACTIONS, "host_dead", known, NOON, with_broken(name, error)).decisions
    acts = {decision.action for decision, _ in found if decision.outcome is DecisionOutcome.ACT}
    assert acts <= {"mark_host_dead"}
    assert [decision.reason for decision, _ in found if decision.outcome is not DecisionOutcome.ACT]


def endless(depth: int) -> int:
    return 1 + endless(depth + 1)


def two_lost() -> Fleet:
    lost = [proved(dead(name)) for name in ("h1", "h2")]
    work = [machine("m1", "h1"), machine("m2", "h2")]
    known = fleet(*lost, host("h3", "r2"), *work, verdicts={"h1": verdict("h1"), "h2": verdict("h2")})
    return replace(known, gate=OPEN, alerts=(alert("h1"), alert("h2")))


def test_a_guard_that_recurses_without_end_blocks_its_own_act_and_no_other() -> None:
    def read(case: Case) -> Facts:
        return {"depth": endless(0) if case.target == "h1" else 0}

    too_deep = Guard("too_deep", read, lambda _facts: None)
    guarding = Guarding((too_deep, *guards.BEFORE_ANY))
    found = decide(policy(playbook()), ACTIONS, "host_dead", two_lost(), NOON, guarding).decisions
    told = {(d.target, d.reason) for d, _ in found}
    assert ("h1", "GuardFailed") in told
    assert {d.target for d, _ in found if d.outcome is DecisionOutcome.ACT} == {"h2"}
    assert "RecursionError" in next(d.text for d, _ in found if d.reason == "GuardFailed")


def test_a_plan_that_fails_does_nothing_and_says_so() -> None:
    def plan(case: Case, params: Any) -> Planned | Hold:
        if case.target == "h1":
            raise MemoryError
        return ACTIONS["recreate"].plan(case, params)

    actions = {**ACTIONS, "recreate": replace(ACTIONS["recreate"], plan=plan)}
    found = decide(policy(playbook()), actions, "host_dead", two_lost(), NOON).decisions
    acts = {(d.target, d.action) for d, _ in found if d.outcome is DecisionOutcome.ACT}
    assert ("h2", "recreate") in acts
    assert ("h1", "recreate") not in acts
    held = next(d for d, _ in found if d.reason == "PlanFailed")
    assert again(held) == (held.outcome, held.reason)
