"""Witnesses and the gate: which of three paths say that a host is lost, and what passes without the store. PURE."""

from datetime import datetime

from remediator.actions.spec import Case
from remediator.engine.guards.budgets import busy, region_of
from remediator.engine.guards.guard import Facts, Guard
from remediator.engine.index import index_of
from remediator.model.alert import Alert
from remediator.model.decision import Hold, Remediation
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Fence
from remediator.model.machine import Recovery

# How many of the three paths must say so.
ENOUGH = 2


def witnesses_of(case: Case) -> list[str]:
    """Which of the three paths say that the host is lost, each on its own."""
    fleet = case.fleet
    found = []
    verdict = fleet.verdicts.get(case.target)
    if verdict and verdict.kind is VerdictKind.DEAD:
        found.append("direct")
    if fleet.gate and fleet.gate.open and _asked_by_rule(case):
        found.append("store")
    if case.host and case.host.fence is Fence.PROVED:
        found.append("power")
    return found


def _asked_by_rule(case: Case) -> bool:
    asking = index_of(case).alerts(case.playbook.name, "host", case.target)
    return any(_of_our_own(alert) and _seen_in_term(case, alert) for alert in asking)


def _of_our_own(alert: Alert) -> bool:
    """What others tell us may ask; a witness is only what this process saw in the store itself."""
    return alert.actionable and not alert.source


def _seen_in_term(case: Case, alert: Alert) -> bool:
    """Seen by us since we began, or began anew: what was true before a pause is no witness."""
    return case.fleet.term_began is None or (alert.last_seen or alert.active_at) >= case.fleet.term_began


def _read_gate(case: Case) -> Facts:
    state = case.fleet.gate
    if state and state.open:
        return {"open": True}
    return {"open": False, "why": state.reason if state else "no reading yet", **_liveness(case)}


def _liveness(case: Case) -> Facts:
    """Who speaks, and who is before us; nothing where direct evidence is not the matter."""
    if not case.playbook.evidence.verdict:
        return {}
    return {"witnesses": witnesses_of(case), "before": _before(case)}


def _before(case: Case) -> str:
    """Whose turn it is in the region, if another's: whom this very decide has let pass, or who is first in line."""
    passed = index_of(case).passed.get(case.region, case.target)
    if passed != case.target:
        return passed
    turn = _turn(case.fleet, case.remediation)
    others = [r for r in case.fleet.remediations.values() if r.playbook == case.playbook.name]
    earlier = [r for r in others if _turn(case.fleet, r) < turn and busy(case.fleet, r)]
    return next((r.target for r in earlier if region_of(case, r.target) == case.region), "")


def _turn(fleet: Fleet, remediation: Remediation) -> tuple[bool, datetime, str]:
    """Whoever has work on its way goes first, then who began earlier: else both would wait for ever."""
    here = fleet.machines_on(remediation.target)
    under_way = any(machine.alive and machine.recovery is Recovery.PLACED for machine in here)
    return not under_way, remediation.opened_at, remediation.target


def _judge_gate(facts: Facts) -> Hold | None:
    if facts["open"]:
        return None
    if len(facts.get("witnesses", ())) >= ENOUGH:
        return _one_at_a_time(facts)
    told = f"the metrics store cannot be trusted ({facts['why']}) and no second witness speaks"
    return Hold("GateClosed", told, asks=_by_direct_evidence(facts))


def _by_direct_evidence(facts: Facts) -> bool:
    """Without proof it asks: the vantages alone say that the host is lost."""
    return "direct" in facts.get("witnesses", ())


def _one_at_a_time(facts: Facts) -> Hold | None:
    before = facts["before"]
    return Hold("GateClosedOneAtATime", f"{before} is being remedied on two witnesses") if before else None


def _read_destructive(case: Case) -> Facts:
    """The gate's facts, and who speaks though it is open: what kills wants two witnesses always."""
    facts = _read_gate(case)
    return {**facts, "witnesses": witnesses_of(case)} if case.playbook.evidence.verdict else facts


def _judge_destructive(facts: Facts) -> Hold | None:
    if "witnesses" not in facts:
        return _judge_gate(facts)
    found = facts["witnesses"]
    if len(found) >= ENOUGH:
        return None if facts["open"] else _one_at_a_time(facts)
    told = f"only {found[0]} says so" if found else "nobody says so"
    asks = not facts["open"] and _by_direct_evidence(facts)
    return Hold("SecondWitnessMissing", f"{told}; two of three must", asks=asks)


# An act that only adds wants the gate open, or a second witness where liveness is the matter.
gate = Guard("gate", _read_gate, _judge_gate)
# A destructive step wants two witnesses of three, gate open or not.
destructive_witnesses = Guard("destructive_witnesses", _read_destructive, _judge_destructive)
