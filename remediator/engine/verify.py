"""Verify: whether a remedy came to what its playbook says, within its time; else people are told, or asked. PURE."""

from datetime import datetime, timedelta

from remediator.actions.recreate import was_serving
from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts
from remediator.model.decision import Hold, Remediation
from remediator.model.evidence import VerdictKind
from remediator.model.machine import Machine, Recovery
from remediator.model.policy import Playbook

VERIFY, SUCCEEDED, FAILED = "verify", "succeeded", "failed"
_STATES = {
    "placed": frozenset({Recovery.PLACED, Recovery.SERVING}),
    "held": frozenset({Recovery.HELD}),
    "waiting": frozenset({Recovery.WAITING}),
}


def due(playbook: Playbook, remediation: Remediation, now: datetime) -> bool:
    """Whether the time is up in which a remedy was to come to something."""
    wants = playbook.verify
    return wants is not None and bool(remediation.steps) and now - remediation.opened_at >= wants.within


def read_verify(case: Case) -> Facts | None:
    """How far the remedy has come; None before its first act, and where nothing is to be verified."""
    wants = case.playbook.verify
    if wants is None or not case.remediation.steps:
        return None
    left = wants.within - (case.now - case.remediation.opened_at)
    amiss = _amiss(case)
    return {
        "late": left <= timedelta(),
        "within": wants.within.total_seconds(),
        "amiss": len(amiss),
        "first": f"{amiss[0].app}/{amiss[0].name}" if amiss else "",
        # Without machines to look at, the signal itself must have cleared, which ends the remediation.
        "signal": not wants.every_machine,
        "asks": wants.otherwise == "ask",
    }


def judge_verify(facts: Facts) -> Hold | None:
    """Amiss when its time is up."""
    if not facts["late"] or not (facts["amiss"] or facts["signal"]):
        return None
    what = "the signal has not cleared" if facts["signal"] else f"{facts['amiss']} machines, first {facts['first']},"
    tail = "" if facts["signal"] else " are not what they must be"
    return Hold("NotVerified", f"{what}{tail} {facts['within']:.0f} s after the first act", asks=facts["asks"])


def _amiss(case: Case) -> list[Machine]:
    """Machines of the target that are not in any of the states that the playbook names."""
    wants = case.playbook.verify
    if wants is None or not wants.every_machine or case.host is None:
        return []
    well = frozenset().union(*(_STATES[name] for name in wants.every_machine))
    mine = [m for m in case.fleet.machines_on(case.target) if m.alive and not m.adopted]
    if case.playbook.evidence.verdict == VerdictKind.DEAD.value:
        mine = [machine for machine in mine if was_serving(case, machine)]
    return [machine for machine in mine if machine.recovery not in well]
