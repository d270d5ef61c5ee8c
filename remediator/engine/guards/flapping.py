"""The flapping guard: nothing is destroyed on a host that comes and goes. PURE."""

from remediator.actions.spec import Case
from remediator.engine.evidence.suspect_time import FLAPPING_FROM
from remediator.engine.guards.guard import Facts, Guard
from remediator.model.decision import Hold
from remediator.model.evidence import VerdictKind


def _read(case: Case) -> Facts | None:
    verdict = case.fleet.verdicts.get(case.target) if case.host else None
    if verdict is None:
        return None
    return {"share": round(verdict.suspect_share, 6), "flapping": verdict.kind is VerdictKind.FLAPPING}


def _judge(facts: Facts) -> Hold | None:
    if not facts["flapping"] and facts["share"] < FLAPPING_FROM:
        return None
    told = f"suspect for {facts['share']:.0%} of ten minutes: it comes and goes, nothing is destroyed"
    return Hold("Flapping", told)


flapping = Guard("flapping", _read, _judge)
