"""Invariant 17: whichever guard errs, whatever else is true, nothing is done for which it would have been asked."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.actions import ACTIONS
from remediator.engine import guards
from remediator.engine.decide import decide
from remediator.engine.guard import AnyGuard, Facts, Guard, name_of
from remediator.engine.guards import Guarding
from remediator.model.decision import DecisionOutcome, Hold
from remediator.model.policy import Kind
from tests.remediator.builders import NOON, OPEN, alert, dead, fleet, host, machine, playbook, policy, proved, verdict

ERRORS = st.sampled_from([KeyError, ZeroDivisionError, AttributeError, ValueError, TypeError])
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
