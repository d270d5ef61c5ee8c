"""The cooldown guard: a step that was done in vain is not repeated at once, and the next one is due. PURE."""

from datetime import timedelta

from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts, Guard
from remediator.model.decision import Hold, Remediation
from remediator.model.evidence import VerdictKind

# A host that was back for so long and is lost again has failed anew; sooner, it comes and goes.
BACK_FOR = timedelta(minutes=1)


def earlier_steps(case: Case, known: Remediation) -> Remediation:
    """A new remediation of the case, which knows what the one before it did to the same failure."""
    steps = known.earlier | known.steps
    if _failed_anew(case, known):
        steps = {}
    lately = {name: at for name, at in steps.items() if case.now - at < case.playbook.cooldown}
    return Remediation(known.playbook, known.target, case.now, earlier=lately)


def _failed_anew(case: Case, known: Remediation) -> bool:
    if not _of_deaths(case) or case.host is None or case.host.died_at is None or known.closed_at is None:
        return False
    return case.host.died_at - known.closed_at >= BACK_FOR


def _of_deaths(case: Case) -> bool:
    return case.playbook.evidence.verdict == VerdictKind.DEAD.value


def _read(case: Case) -> Facts | None:
    done = case.remediation.earlier.get(case.action)
    if done is None:
        return None
    facts: Facts = {"ago": _seconds(case.now - done), "cooldown": _seconds(case.playbook.cooldown)}
    if _of_deaths(case) and case.host and case.host.died_at:
        # One that stays away does not come and go: its machines are not left dead for a cooldown.
        facts |= {"dead": _seconds(case.now - case.host.died_at), "patience": _seconds(case.limits.patience)}
    return facts


def _judge(facts: Facts) -> Hold | None:
    left = facts["cooldown"] - facts["ago"]
    if left <= 0 or ("dead" in facts and facts["dead"] >= facts["patience"]):
        return None
    told = f"done {facts['ago']:.0f} s ago in vain: not repeated for {left:.0f} s, the next step is due"
    return Hold("Cooldown", told)


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 6)


cooldown = Guard("cooldown", _read, _judge)
