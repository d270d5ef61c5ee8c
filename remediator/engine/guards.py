"""Guards: each looks at one ask and says hold, or nothing. A guard that errs blocks."""

from collections.abc import Callable, Iterable

from remediator.actions.spec import Case
from remediator.engine.budgets import budgets as budgets
from remediator.engine.budgets import busy, region_of
from remediator.model.alert import Alert
from remediator.model.decision import Hold
from remediator.model.evidence import Verdict, VerdictKind
from remediator.model.host import Fence, Host, Life

Guard = Callable[[Case], Hold | None]


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
    asking = [a for a in case.fleet.alerts if _of_our_own(a) and a.playbook == case.playbook.name]
    return any(alert.labels.get("host") == case.target and _seen_in_term(case, alert) for alert in asking)


def _of_our_own(alert: Alert) -> bool:
    """What others tell us may ask; a witness is only what this process saw in the store itself."""
    return alert.actionable and not alert.source


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
    others = [r for r in case.fleet.remediations.values() if busy(case.fleet, r) and (r.opened_at, r.target) < turn]
    mine = [r for r in others if r.playbook == case.playbook.name and region_of(case, r.target) == case.region]
    return Hold("GateClosedOneAtATime", f"{mine[0].target} is being remedied on two witnesses") if mine else None


def destructive_witnesses(case: Case) -> Hold | None:
    """A destructive step wants two witnesses of three, gate open or not."""
    if not case.playbook.evidence.verdict:
        return gate(case)
    found = witnesses_of(case)
    if len(found) >= 2:
        return None if case.fleet.gate and case.fleet.gate.open else _one_at_a_time(case)
    told = f"only {found[0]} says so" if found else "nobody says so"
    return Hold("SecondWitnessMissing", f"{told}; two of three must")


def correlated(case: Case) -> Hold | None:
    """Many that fell together under one label are one incident, not many dead hosts.

    It does not lapse with time: it ends when enough of them are back, or when it is proved for the group that they
    are down.
    """
    rule = case.playbook.correlated
    if rule is None or case.host is None or case.remediation.steps:
        return None
    accused = _accused_with(case)
    together = [h for h in case.fleet.hosts.values() if h.name in accused or _fell_with(case, h)]
    for label in rule.by:
        mine = _label(case.host, label)
        alike = [h for h in together if mine and _label(h, label) == mine]
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


def _accused_with(case: Case) -> set[str]:
    """Hosts that rules alone name for the same playbook, since about the same time: all of them may be alive."""
    rule = None if case.playbook.evidence.verdict else case.playbook.correlated
    firing = [a for a in case.fleet.alerts if a.actionable and a.playbook == case.playbook.name]
    since = {alert.labels.get("host", ""): alert.active_at for alert in firing}
    if rule is None or case.target not in since:
        return set()
    return {name for name, at in since.items() if abs(at - since[case.target]) <= rule.within}


def _proved_down(hosts: list[Host]) -> bool:
    return 5 * sum(1 for host in hosts if host.fence is Fence.PROVED) >= 4 * len(hosts)


def backlog(case: Case) -> Hold | None:
    """After our start, or a change of its rules, a playbook that many ask for at once waits for a person."""
    rule = case.playbook.backlog
    since = case.fleet.backlog_since.get(case.playbook.name)
    if rule is None or since is None or case.remediation.steps or case.now - since >= rule.hold_for:
        return None
    many = len(asking(case))
    if many <= rule.approve_above:
        return None
    until = (since + rule.hold_for).isoformat(timespec="seconds")
    told = f"{many} ask at once just after a start or a change of rules, {rule.approve_above} may, until {until}"
    return Hold("Backlog", told, {"asking": many, "allowed": rule.approve_above})


def asking(case: Case) -> set[str]:
    """Whom this playbook is asked to act on now, and has not begun with."""
    playbook, fleet = case.playbook, case.fleet
    asked = {a.labels.get(playbook.target, "") for a in fleet.alerts if a.actionable and a.playbook == playbook.name}
    if playbook.evidence.verdict == VerdictKind.DEAD.value:
        asked |= {host.name for host in fleet.hosts.values() if host.life is Life.DEAD}
    begun = {r.target for r in fleet.remediations.values() if r.playbook == playbook.name and r.open and r.steps}
    return asked - begun - {""}


# Cheapest and plainest first: the first that holds is the one that is shown.
BEFORE_ANY: tuple[Guard, ...] = (frozen, maintenance, evidence, continuity, correlated, backlog, budgets)
