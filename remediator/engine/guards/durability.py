"""The durability guard: where an acknowledged request can be lost, whatever destroys asks first. PURE."""

from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts, Guard
from remediator.model.decision import Hold

REASON = "CanBeLost"


def _read(case: Case) -> Facts | None:
    caution = case.fleet.doubts.get(REASON, "")
    return {"caution": caution} if caution else None


def _judge(facts: Facts) -> Hold:
    return Hold(REASON, facts["caution"], asks=True)


durability = Guard("durability", _read, _judge)
