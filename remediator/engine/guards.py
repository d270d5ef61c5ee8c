"""Guards: each looks at one ask and says hold, or nothing. A guard that errs blocks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from remediator.actions.recreate import WAS_SERVING
from remediator.actions.spec import Case
from remediator.model.alert import Alert
from remediator.model.decision import Hold, Remediation
from remediator.model.evidence import Verdict, VerdictKind
from remediator.model.host import Fence, Host, Life
from remediator.model.machine import Recovery
from remediator.model.policy import Budget

Guard = Callable[[Case], Hold | None]


@dataclass(frozen=True, slots=True)
class Counted:
    """A budget's use: how many there are, how many there may be."""

    used: int
    allowed: int


def first_hold(guards: Iterable[Guard], case: Case) -> Hold | None:
    for guard in guards:
        hold = checked(guard, case)
        if hold is not None:
            return hold
    return None


def checked(guard: Guard, case: Case) -> Hold | None:
    """The guard's word; its failure is a hold too."""
    try:
        return guard(case)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        name = getattr(guard, "__name__", "guard")
        return Hold("GuardFailed", f"guard {name} failed and therefore blocks: {type(error).__name__}")


def frozen(case: Case) -> Hold | None:
    return Hold("Frozen", f"all acting is stopped: {case.fleet.frozen}") if case.fleet.frozen else None


def maintenance(case: Case) -> Hold | None:
    until = case.host.maintenance_until if case.host else None
    if until and until > case.now:
        return Hold("Maintenance", f"in maintenance until {until.isoformat(timespec='seconds')}")
    return None


def evidence(case: Case) -> Hold | None:
    """Direct evidence must agree before an automatic act that asks for it."""
    wants = case.playbook.evidence
    if not wants.verdict:
        return None
    verdict = case.fleet.verdicts.get(case.target)
    if verdict is None or verdict.kind.value != wants.verdict:
        seen = verdict.kind.value if verdict else "no evidence"
        return Hold("EvidenceDisagrees", f"direct evidence says {seen}, not {wants.verdict}", _facts(verdict))
    age = case.now - verdict.newest if verdict.newest else None
    if age is None or age > wants.max_age:
        return Hold("EvidenceStale", "no probe result is fresh enough", _facts(verdict))
    if verdict.outside_rack < wants.outside_rack:
        told = f"only {verdict.outside_rack} vantages outside its rack agree, {wants.outside_rack} must"
        return Hold("QuorumTooSmall", told, _facts(verdict))
    return None


def _facts(verdict: Verdict | None) -> dict[str, object]:
    if verdict is None:
        return {}
    return {"verdict": verdict.kind.value, "silent": verdict.silent, "assigned": verdict.assigned}


def continuity(case: Case) -> Hold | None:
    """Continuous and settle run together, from the first missed probe, within this leader's term."""
    verdict = case.fleet.verdicts.get(case.target)
    if not case.playbook.evidence.verdict or verdict is None or verdict.suspect_since is None:
        return None
    began = max(verdict.suspect_since, case.fleet.term_began or verdict.suspect_since)
    need = max(case.playbook.continuous, case.playbook.settle)
    lasted = case.now - began
    if lasted < need:
        return Hold("Settling", f"unbroken for {lasted.total_seconds():.1f} s of {need.total_seconds():.0f} s")
    return None


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
    asking = [a for a in case.fleet.alerts if a.actionable and a.playbook == case.playbook.name]
    return any(alert.labels.get("host") == case.target and _seen_in_term(case, alert) for alert in asking)


def _seen_in_term(case: Case, alert: Alert) -> bool:
    """Seen by us since we began, or began anew: what was true before a pause is no witness."""
    return case.fleet.term_began is None or (alert.last_seen or alert.active_at) >= case.fleet.term_began


def gate(case: Case) -> Hold | None:
    """An act that only adds wants the gate open, or a second witness where liveness is the matter."""
    state = case.fleet.gate
    if state and state.open:
        return None
    reason = state.reason if state else "no reading yet"
    if case.playbook.evidence.verdict and len(witnesses_of(case)) >= 2:
        return _one_at_a_time(case)
    return Hold("GateClosed", f"the metrics store cannot be trusted ({reason}) and no second witness speaks")


def _one_at_a_time(case: Case) -> Hold | None:
    # Who began first goes on; both would wait for each other for ever.
    turn = (case.remediation.opened_at, case.target)
    others = [r for r in case.fleet.remediations.values() if _busy(case, r) and (r.opened_at, r.target) < turn]
    mine = [r for r in others if r.playbook == case.playbook.name and _region(case, r.target) == case.region]
    return Hold("GateClosedOneAtATime", f"{mine[0].target} is being remedied on two witnesses") if mine else None


def destructive_witnesses(case: Case) -> Hold | None:
    """A destructive step wants two witnesses of three, gate open or not."""
    if not case.playbook.evidence.verdict:
        return gate(case)
    found = witnesses_of(case)
    if len(found) >= 2:
        return None if case.fleet.gate and case.fleet.gate.open else _one_at_a_time(case)
    return Hold("SecondWitnessMissing", f"only {', '.join(found) or 'nobody'} says so; two of three must")


def correlated(case: Case) -> Hold | None:
    """Many that fell together under one label are one incident, not many dead hosts.

    It does not lapse with time: it ends when enough of them are back, or when it is proved for the group that they
    are down.
    """
    rule = case.playbook.correlated
    if rule is None or case.host is None or case.remediation.steps:
        return None
    for label in rule.by:
        mine = _label(case.host, label)
        alike = [h for h in case.fleet.hosts.values() if mine and _label(h, label) == mine and _fell_with(case, h)]
        if len(alike) >= rule.at_least and not _proved_down(alike):
            told = (
                f"{len(alike)} hosts of {label} {mine} fell within {rule.within.total_seconds():.0f} s: one incident"
            )
            return Hold("Correlated", told, {"label": label, "value": mine, "hosts": sorted(h.name for h in alike)})
    return None


def _label(host: Host, label: str) -> str:
    if label in ("rack", "region", "provider", "role"):
        return str(getattr(host, label))
    return host.version if label == "agent_version" else host.labels.get(label, "")


def _fell_with(case: Case, host: Host) -> bool:
    """Lost, or in doubt, since about the same time as the host of this case."""
    if case.host is None or case.playbook.correlated is None or host.life not in (Life.SUSPECT, Life.DEAD):
        return False
    return abs(host.since - case.host.since) <= case.playbook.correlated.within


def _proved_down(hosts: list[Host]) -> bool:
    return 5 * sum(1 for host in hosts if host.fence is Fence.PROVED) >= 4 * len(hosts)


def backlog(case: Case) -> Hold | None:
    """After our start, or a change of its rules, a playbook that many ask for at once waits for a person."""
    rule = case.playbook.backlog
    since = case.fleet.backlog_since.get(case.playbook.name)
    if rule is None or since is None or case.remediation.steps or case.now - since >= rule.hold_for:
        return None
    asking = _asking(case)
    if len(asking) <= rule.approve_above:
        return None
    until = (since + rule.hold_for).isoformat(timespec="seconds")
    told = f"{len(asking)} ask at once just after a start or a change of rules, {rule.approve_above} may, until {until}"
    return Hold("Backlog", told, {"asking": len(asking), "allowed": rule.approve_above})


def _asking(case: Case) -> set[str]:
    """Whom this playbook is asked to act on now, and has not begun with."""
    playbook, fleet = case.playbook, case.fleet
    asked = {a.labels.get(playbook.target, "") for a in fleet.alerts if a.actionable and a.playbook == playbook.name}
    if playbook.evidence.verdict == VerdictKind.DEAD.value:
        asked |= {host.name for host in fleet.hosts.values() if host.life is Life.DEAD}
    begun = {r.target for r in fleet.remediations.values() if r.playbook == playbook.name and r.open and r.steps}
    return asked - begun - {""}


def budgets(case: Case) -> Hold | None:
    """Every budget of the playbook, before its first act on a target."""
    if case.remediation.steps:
        return None
    for budget in case.playbook.budgets:
        hold = _in_flight(case, budget) or _rate(case, budget) or _newly_unhealthy(case, budget)
        if hold:
            return hold
    return None


def _in_flight(case: Case, budget: Budget) -> Hold | None:
    if budget.max_in_flight is None:
        return None
    mine = [r for r in case.fleet.remediations.values() if _busy(case, r) and r.playbook == case.playbook.name]
    used = sum(1 for r in mine if _in_scope(case, budget.scope, r.target) and r.target != case.target)
    return _over("InFlight", budget, Counted(used, budget.max_in_flight.of(_total(case, budget.scope))))


def _busy(case: Case, remediation: Remediation) -> bool:
    """A lost host holds its slot until each of its machines is placed, held or waiting with a reason."""
    if not remediation.open or not remediation.steps:
        return False
    host = case.fleet.hosts.get(remediation.target)
    if host is None or host.life is not Life.DEAD:
        return True
    under_way = (Recovery.NONE, Recovery.PLACED)
    return any(
        m.alive and m.recovery in under_way and m.state in WAS_SERVING for m in case.fleet.machines_on(host.name)
    )


def _rate(case: Case, budget: Budget) -> Hold | None:
    if budget.rate is None:
        return None
    mine = [r for r in case.fleet.remediations.values() if r.playbook == case.playbook.name and r.steps]
    used = sum(1 for r in mine if case.now - r.opened_at <= budget.per and _in_scope(case, budget.scope, r.target))
    return _over("Rate", budget, Counted(used, budget.rate.of(_total(case, budget.scope))))


def _newly_unhealthy(case: Case, budget: Budget) -> Hold | None:
    if budget.newly_unhealthy is None:
        return None
    hosts = [h for h in case.fleet.hosts.values() if _in_scope(case, budget.scope, h.name)]
    used = sum(1 for h in hosts if h.died_at and case.now - h.died_at <= budget.within and h.name != case.target)
    return _over("NewlyUnhealthy", budget, Counted(used, budget.newly_unhealthy.of(len(hosts))))


def _over(name: str, budget: Budget, count: Counted) -> Hold | None:
    if count.used < count.allowed:
        return None
    told = f"{count.used} of {count.allowed} allowed in this {budget.scope}"
    return Hold(f"Budget{name}", told, {"scope": budget.scope, "used": count.used, "allowed": count.allowed})


def _total(case: Case, scope: str) -> int:
    return sum(1 for name in case.fleet.hosts if _in_scope(case, scope, name))


def _in_scope(case: Case, scope: str, target: str) -> bool:
    if scope == "fleet":
        return True
    host = case.fleet.hosts.get(target)
    if scope == "rack":
        return host is not None and case.host is not None and host.rack == case.host.rack
    return _region(case, target) == case.region


def _region(case: Case, target: str) -> str:
    host = case.fleet.hosts.get(target)
    return host.region if host else target


# Cheapest and plainest first: the first that holds is the one that is shown.
BEFORE_ANY: tuple[Guard, ...] = (frozen, maintenance, evidence, continuity, correlated, backlog, budgets)
