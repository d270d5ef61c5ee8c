"""All guards' words about one ask, not only the first that holds; and how far each step and each rule has come."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from remediator.actions.give_back import GIVE_BACK
from remediator.actions.spec import ActionSpec, Case
from remediator.engine.decide import decide_one
from remediator.engine.guards import table as guards
from remediator.engine.guards.guard import name_of
from remediator.engine.guards.words import HOLDS, Word, word_of
from remediator.engine.incidents.exits import group_playbook
from remediator.model.alert import Alert, AlertState, Rule
from remediator.model.decision import Decision, DecisionOutcome, Hold
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.policy import Mode, Policy, Step


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: ``state`` is done, acts, would act, asks, shadow, held, waits, complete or not reached."""

    action: str
    state: str
    text: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Everything about one playbook and one target; ``nearest`` is the reason that blocks now, empty if none does."""

    playbook: str
    mode: str
    target: str
    asked_by: tuple[str, ...]
    words: tuple[Word, ...]
    rungs: tuple[Rung, ...]
    nearest: str = ""
    nearest_text: str = ""


def account(policy: Policy, actions: Mapping[str, ActionSpec], playbook: str, case: Case) -> Account:
    """The whole account of a case (see ``case_of``)."""
    words = tuple(word_of(guard, case) for guard in guards.BEFORE_ANY)
    kinds = {actions[step.action].kind for step in _flat(case)}
    # Of two guards of one name the stricter stands first.
    by_kind = {name_of(g): g for kind, many in reversed(guards.BY_KIND.items()) if kind in kinds for g in many}
    decided = decide_one(policy, actions, playbook, case.target, case.fleet, case.now)
    rungs = tuple(_rungs(actions, case, [decision for decision, _ in decided.decisions]))
    asked = _is_asked(case)
    if not asked:
        rungs = tuple(replace(rung, state="would act") if rung.state == "acts" else rung for rung in rungs)
    nearest, text = _nearest(case, words, rungs, asked=asked)
    told = tuple(asked_by(policy, case))
    words += tuple(word_of(guard, case) for guard in by_kind.values())
    return Account(playbook, case.playbook.mode.value, case.target, told, words, rungs, nearest, text)


def _nearest(case: Case, words: tuple[Word, ...], rungs: tuple[Rung, ...], *, asked: bool) -> tuple[str, str]:
    """The reason that blocks first, and its words."""
    if case.playbook.mode is Mode.DISABLED:
        return "Disabled", f"playbook {case.playbook.name} is disabled"
    found: list[Word | Rung] = [word for word in words if word.state == HOLDS]
    if not found and not asked:
        return "NotAsked", f"neither a rule nor direct evidence asks for {case.playbook.name} on {case.target}"
    found += [rung for rung in rungs if rung.state in ("held", "asks", "shadow")]
    return (found[0].reason, found[0].text) if found else ("", "")


def _is_asked(case: Case) -> bool:
    """As ``decide`` sees it: an open remediation, an alert that may be acted upon, or a death."""
    opened = case.fleet.remediations.get(case.remediation.key)
    dead = case.host is not None and case.host.life is Life.DEAD
    firing = [a for a in case.fleet.alerts if a.actionable and a.playbook == case.playbook.name]
    named = any(alert.labels.get(case.playbook.target) == case.target for alert in firing)
    return bool((opened and opened.open) or named or (dead and case.playbook.evidence.verdict))


def subjects(policy: Policy, liveness: str, fleet: Fleet, target: str) -> list[str]:
    """The playbooks that have to do with a target now; for a host, at least the one that its death would ask for."""
    asked = {a.playbook for a in fleet.alerts if a.state is not AlertState.RESOLVED and target in a.labels.values()}
    opened = {r.playbook for r in fleet.remediations.values() if r.target == target and r.open}
    last = {liveness} if target in fleet.hosts else set()
    group = {group_playbook(each.label) for each in fleet.incidents.values() if each.open and target in each.hosts}
    lent = set(_giving_back(policy)) if target in fleet.loans else set()
    return sorted(name for name in asked | opened | last | group | lent if name in policy.playbooks)


def _giving_back(policy: Policy) -> Iterator[str]:
    """The playbooks that may give a lent host back."""
    books = policy.playbooks.values()
    yield from (book.name for book in books if any(step.action == GIVE_BACK.name for step in book.steps))


def asked_by(policy: Policy, case: Case) -> list[str]:
    """Who asks for the playbook on this target, and what is missing where somebody does not quite."""
    name, label = case.playbook.name, case.playbook.target
    alerts = {a.name: a for a in case.fleet.alerts if a.playbook == name and a.labels.get(label) == case.target}
    rules = [
        (rule, group.interval)
        for group in policy.groups
        for rule in group.rules
        if rule.labels.get("playbook") == name
    ]
    told = [_alert_line(rule, interval, alerts.get(rule.name), case) for rule, interval in rules]
    known = {rule.name for rule, _ in rules}
    told += [f"{a.name} of {a.source or 'elsewhere'}: {a.state}" for a in alerts.values() if a.name not in known]
    if case.playbook.evidence.verdict:
        verdict = case.fleet.verdicts.get(case.target)
        told.append(f"direct evidence: {verdict.kind}, {verdict.reason}" if verdict else "direct evidence: none")
    return told


def _alert_line(rule: Rule, interval: timedelta, alert: Alert | None, case: Case) -> str:
    if alert is None or alert.state is AlertState.RESOLVED:
        return f"rule {rule.name}: not true for {case.target}"
    since = f"since {alert.active_at:%H:%M:%S}Z"
    if alert.actionable:
        return f"rule {rule.name}: firing {since}, and may be acted upon"
    seen, wanted = _slots(rule, interval, alert)
    if alert.state is AlertState.PENDING:
        left = max(timedelta(), alert.active_at + rule.hold_for - case.now).total_seconds()
        return f"rule {rule.name}: pending {since}: true at {seen} of {wanted} slots, {left:.0f} s are left"
    if alert.keep_since is not None:
        return f"rule {rule.name}: kept firing since it was last true; not to be acted upon"
    told = f"it must be true at {wanted} slots in a row, seen by this process with the gate open"
    return f"rule {rule.name}: firing {since}, shown and not yet to be acted upon: {told}"


def _slots(rule: Rule, interval: timedelta, alert: Alert) -> tuple[int, int]:
    """At how many slots it was seen true, and at how many it must be before it fires."""
    step = interval or timedelta(minutes=1)
    seen = ((alert.last_seen or alert.active_at) - alert.active_at) // step + 1
    return seen, -(-rule.hold_for // step) + 1


def _rungs(actions: Mapping[str, ActionSpec], case: Case, decisions: list[Decision]) -> list[Rung]:
    by_action = {decision.action: decision for decision in decisions}
    blocked = any(decision.outcome is DecisionOutcome.HOLD for decision in decisions)
    found: list[Rung] = []
    for step in _flat(case):
        over = blocked and any(rung.state == "held" for rung in found)
        found.append(Rung(step.action, "not reached") if over else _rung(actions, case, step, by_action))
    return found


def _flat(case: Case) -> list[Step]:
    return [inner for step in case.playbook.steps for inner in (step, step.meanwhile) if inner]


def _rung(actions: Mapping[str, ActionSpec], case: Case, step: Step, decisions: Mapping[str, Decision]) -> Rung:
    decision = decisions.get(step.action)
    if decision:
        return Rung(step.action, _STATES[decision.outcome], decision.text, decision.reason)
    spec = actions[step.action]
    planned = spec.plan(case, spec.params.model_validate(step.params))
    if isinstance(planned, Hold):
        return Rung(step.action, "held", planned.text, planned.reason)
    if planned.waiting:
        return Rung(step.action, "waits", planned.waiting)
    done = case.remediation.steps.get(step.action)
    if done:
        return Rung(step.action, "done", f"at {done:%H:%M:%S}Z")
    return Rung(step.action, "would act" if planned.effects else "complete")


_STATES = {
    DecisionOutcome.ACT: "acts",
    DecisionOutcome.HOLD: "held",
    DecisionOutcome.ASK: "asks",
    DecisionOutcome.SHADOW: "shadow",
}
