"""A decision made again from the facts that were recorded with it: the same word, bit for bit. PURE."""

from collections.abc import Callable, Iterator

from remediator.engine.guards import table as guards
from remediator.engine.guards.facts import APPROVED, GUARDS, PLAN, QUESTION, data_loss, outcome_of
from remediator.engine.guards.guard import Facts, Guard, failed
from remediator.engine.people.approvals import came_to
from remediator.engine.undo import judge_undo
from remediator.engine.verify import VERIFY, judge_verify
from remediator.engine.waits import not_admitted, unsent
from remediator.model.decision import Decision, DecisionOutcome, Hold

Word = tuple[DecisionOutcome, str]
_LISTED = {guard for many in (guards.BEFORE_ANY, *guards.BY_KIND.values()) for guard in many}
_JUDGES: dict[str, Callable[[Facts], Hold | None]] = {
    **{guard.name: guard.judge for guard in _LISTED if isinstance(guard, Guard)},
    "data_loss": data_loss,
    "undo": judge_undo,
    VERIFY: judge_verify,
    "unsent": unsent,
    "not_admitted": not_admitted,
}


def again(decision: Decision) -> Word | None:
    """Outcome and reason as they follow from the recorded facts; None for one from before facts were recorded."""
    read: dict[str, Facts] | None = decision.facts.get(GUARDS)
    if read is None:
        return None
    approved = decision.facts.get(APPROVED, ())
    for hold in _holds(read):
        if not hold.asks:
            return outcome_of(hold), hold.reason
        if hold.reason not in approved:
            question = decision.facts.get(QUESTION)
            left = came_to(question, hold) if question else hold
            return outcome_of(left), left.reason
    return _planned(decision.facts.get(PLAN, {}), decision)


def _holds(read: dict[str, Facts]) -> Iterator[Hold]:
    for name, facts in read.items():
        hold = judged(name, facts)
        if hold is not None:
            yield hold


def judged(name: str, facts: Facts) -> Hold | None:
    """What the guard of that name says of such facts."""
    if "failed" in facts:
        return failed(name, facts["failed"])
    if "said" in facts:
        return Hold(*facts["said"])
    return _JUDGES[name](facts)


def _planned(plan: Facts, decision: Decision) -> Word:
    if "hold" in plan:
        return DecisionOutcome.HOLD, plan["hold"][0]
    if plan and not plan["placed"]:
        return DecisionOutcome.HOLD, "NoRoom"
    return DecisionOutcome.ACT, "Undo" if "undo" in decision.facts[GUARDS] else "Acting"
