"""decide: policy, fleet and now in; acts and holds out. Nothing is done here."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from remediator.actions.effects import Effect, Placeable
from remediator.actions.spec import ActionSpec, Case, Planned
from remediator.engine import guards
from remediator.engine.placement import placed, reserved
from remediator.engine.undo import undos
from remediator.model.decision import Decision, DecisionOutcome, Hold, Remediation
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.policy import Kind, Mode, Playbook, Policy, Step

# The gate binds whatever changes the fleet; telling and healing pass.
BY_KIND: dict[Kind, tuple[guards.Guard, ...]] = {
    Kind.DESTRUCTIVE: (guards.destructive_witnesses,),
    Kind.ADDITIVE: (guards.gate,),
    Kind.HEALING: (),
    Kind.TELLING: (),
}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one tick decided: decisions with their effects, the remediations as they now stand, and lack of room."""

    decisions: tuple[tuple[Decision, tuple[Effect, ...]], ...] = ()
    remediations: tuple[Remediation, ...] = ()
    unplaced: tuple[Placeable, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ask:
    playbook: Playbook
    target: str


def decide(
    policy: Policy, actions: Mapping[str, ActionSpec], liveness_playbook: str, fleet: Fleet, now: datetime
) -> Verdicts:
    """Every step that may be taken now, and every hold with its reason; worst and oldest asks first."""
    # Nothing else of them is looked at, and it is looked at for every ask: others may tell us a hundred thousand.
    fleet = replace(fleet, alerts=tuple(alert for alert in fleet.alerts if alert.actionable))
    total = Verdicts()
    for ask in _asks(policy, liveness_playbook, fleet):
        found = _remedy(policy, actions, ask, fleet, now)
        total = Verdicts(
            total.decisions + found.decisions,
            total.remediations + found.remediations,
            total.unplaced + found.unplaced,
        )
        # What this ask has just taken (a slot, a host) counts against the next one.
        changed = {remediation.key: remediation for remediation in found.remediations}
        fleet = replace(
            fleet, remediations={**fleet.remediations, **changed}, reserved=reserved(found.decisions, fleet)
        )
    for decision, effects, after in undos(policy, fleet, now):
        total = replace(
            total,
            decisions=(*total.decisions, (decision, effects)),
            remediations=(*total.remediations, after),
        )
    return total


def decide_one(
    policy: Policy, actions: Mapping[str, ActionSpec], playbook: str, target: str, fleet: Fleet, now: datetime
) -> Verdicts:
    """What one playbook decides of one target, were it asked now; what others ask for is not looked at."""
    return _remedy(policy, actions, _Ask(policy.playbooks[playbook], target), fleet, now)


def case_of(policy: Policy, playbook: str, target: str, fleet: Fleet, now: datetime) -> Case:
    """What guards and plans are given when that playbook is asked to act on that target."""
    return _case(policy, _Ask(policy.playbooks[playbook], target), fleet, now)


def _asks(policy: Policy, liveness_playbook: str, fleet: Fleet) -> Iterator[_Ask]:
    """Dead verdicts ask by themselves; firing alerts ask by their label; what is open goes on asking."""
    seen: set[tuple[str, str]] = set()
    for name, target in (*_liveness(liveness_playbook, fleet), *_opened(fleet), *_alerted(policy, fleet)):
        playbook = policy.playbooks.get(name)
        if playbook and target and (name, target) not in seen:
            seen.add((name, target))
            yield _Ask(playbook, target)


def _liveness(playbook: str, fleet: Fleet) -> list[tuple[str, str]]:
    dead = [host for host in fleet.hosts.values() if host.life is Life.DEAD]
    return [(playbook, host.name) for host in sorted(dead, key=lambda host: host.died_at or host.since)]


def _opened(fleet: Fleet) -> list[tuple[str, str]]:
    opened = [remediation for remediation in fleet.remediations.values() if remediation.open]
    return [(r.playbook, r.target) for r in sorted(opened, key=lambda remediation: remediation.opened_at)]


def _alerted(policy: Policy, fleet: Fleet) -> list[tuple[str, str]]:
    firing = [alert for alert in fleet.alerts if alert.actionable]
    named = [
        (alert.playbook, alert.labels.get(policy.playbooks[alert.playbook].target, ""))
        for alert in sorted(firing, key=lambda alert: alert.active_at)
        if alert.playbook in policy.playbooks
    ]
    return [(name, target) for name, target in named if target]


def _remedy(policy: Policy, actions: Mapping[str, ActionSpec], ask: _Ask, fleet: Fleet, now: datetime) -> Verdicts:
    case = _case(policy, ask, fleet, now)
    if ask.playbook.mode is Mode.DISABLED:
        return Verdicts()
    over = _over(case)
    if over:
        known = fleet.remediations.get(case.remediation.key)
        if known is None or not known.open:
            # Asked for by a rule alone, against what direct evidence says.
            disagrees = Hold("EvidenceDisagrees", f"direct evidence does not agree: {over}")
            return Verdicts(((_held(case, ask.playbook.steps[0].action, disagrees), ()),))
        return Verdicts(remediations=(replace(known, closed_at=now, outcome=over),))
    hold = guards.first_hold(guards.BEFORE_ANY, case)
    if hold:
        return Verdicts(((_held(case, ask.playbook.steps[0].action, hold), ()),))
    return _climb(actions, case)


def _case(policy: Policy, ask: _Ask, fleet: Fleet, now: datetime) -> Case:
    known = fleet.remediations.get(f"{ask.playbook.name}/{ask.target}")
    fresh = Remediation(ask.playbook.name, ask.target, now)
    host = fleet.hosts.get(ask.target) if ask.playbook.target == "host" else None
    return Case(ask.playbook, ask.target, host, known if known and known.open else fresh, fleet, policy.limits, now)


def _over(case: Case) -> str:
    """Why a remediation is at its end, empty while it is not."""
    if case.playbook.evidence.verdict == VerdictKind.DEAD.value:
        return "" if case.host and case.host.life is Life.DEAD else "the host is back"
    if not case.remediation.steps:
        return ""
    asking = any(
        alert.actionable
        and alert.playbook == case.playbook.name
        and alert.labels.get(case.playbook.target) == case.target
        for alert in case.fleet.alerts
    )
    done = all(step.action in case.remediation.steps for step in case.playbook.steps)
    return "" if asking or not done else "the signal cleared"


def _climb(actions: Mapping[str, ActionSpec], case: Case) -> Verdicts:
    """All rungs, in order: each plans against the fleet as it is, so that a rung may still be waiting below."""
    decisions: list[tuple[Decision, tuple[Effect, ...]]] = []
    unplaced: tuple[Placeable, ...] = ()
    remediation = case.remediation
    for step in _flat(case.playbook):
        taken = _step(actions[step.action], step, replace(case, remediation=remediation))
        fleet = replace(case.fleet, reserved=reserved(taken.decisions, case.fleet))
        case = replace(case, fleet=fleet)
        decisions.extend(taken.decisions)
        unplaced += taken.unplaced
        remediation = taken.remediations[0] if taken.remediations else remediation
        if any(decision.outcome is DecisionOutcome.HOLD for decision, _ in taken.decisions):
            break
    same = remediation == case.fleet.remediations.get(remediation.key)
    return Verdicts(tuple(decisions), () if same or not remediation.steps else (remediation,), unplaced)


def _flat(playbook: Playbook) -> list[Step]:
    return [inner for step in playbook.steps for inner in (step, step.meanwhile) if inner]


def _step(action: ActionSpec, step: Step, case: Case) -> Verdicts:
    planned = action.plan(case, action.params.model_validate(step.params))
    if isinstance(planned, Hold):
        return Verdicts(((_held(case, step.action, planned), ()),))
    if not planned.effects:
        return _reached(case, step, planned)
    hold = guards.first_hold(BY_KIND[action.kind], case)
    if hold:
        return Verdicts(((_held(case, step.action, hold), ()),))
    if case.playbook.mode is not Mode.AUTO:
        return Verdicts(((_not_auto(case, step, planned), ()),))
    return _act(case, step, planned)


def _reached(case: Case, step: Step, planned: Planned) -> Verdicts:
    """Nothing to do on this rung: it is complete, unless it waits for something; who only watches takes no slot."""
    if planned.waiting or step.action in case.remediation.steps or case.playbook.mode is not Mode.AUTO:
        return Verdicts()
    return Verdicts(remediations=(_with_step(case, step),))


def _act(case: Case, step: Step, planned: Planned) -> Verdicts:
    effects, without = placed(planned.effects, case.fleet)
    if not effects:
        told = f"no host in {case.region} has room for {len(without)} of its machines"
        return Verdicts(((_held(case, step.action, Hold("NoRoom", told)), ()),), (), without)
    text = f"{step.action} on {case.target}: {_told(effects, case)}"
    keys = tuple(effect.key for effect in effects)
    decision = _decision(case, step.action, DecisionOutcome.ACT, Hold("Acting", text, _facts(case)), keys)
    return Verdicts(((decision, effects),), (_with_step(case, step),), without)


def _told(effects: tuple[Effect, ...], case: Case) -> str:
    """What is done, in names that people know."""
    machines = [case.fleet.machines.get(getattr(effect, "machine", "")) for effect in effects]
    names = sorted(f"{machine.app}/{machine.name}" for machine in machines if machine)
    return ", ".join(names) if names else "done"


def _facts(case: Case) -> dict[str, object]:
    """What the guards read, kept with the decision."""
    verdict = case.fleet.verdicts.get(case.target)
    facts: dict[str, object] = {"gate_open": bool(case.fleet.gate and case.fleet.gate.open)}
    if verdict:
        facts |= {"verdict": verdict.kind.value, "silent": verdict.silent, "assigned": verdict.assigned}
        facts["witnesses"] = guards.witnesses_of(case)
    if case.host:
        facts |= {"fence": case.host.fence.value, "epoch": case.host.epoch, "life": case.host.life.value}
    return facts


def _with_step(case: Case, step: Step) -> Remediation:
    steps = {step.action: case.now} | case.remediation.steps
    return replace(case.remediation, steps=steps)


def _held(case: Case, action: str, hold: Hold) -> Decision:
    facts = {**_facts(case), **hold.facts}
    return _decision(case, action, DecisionOutcome.HOLD, replace(hold, facts=facts))


def _not_auto(case: Case, step: Step, planned: Planned) -> Decision:
    shadow = case.playbook.mode is Mode.SHADOW
    outcome = DecisionOutcome.SHADOW if shadow else DecisionOutcome.ASK
    text = f"would do {len(planned.effects)} effects; mode is {case.playbook.mode.value}"
    return _decision(case, step.action, outcome, Hold("ModeShadow" if shadow else "NeedsApproval", text))


def _decision(
    case: Case, action: str, outcome: DecisionOutcome, why: Hold, effects: tuple[str, ...] = ()
) -> Decision:
    text = f"{case.playbook.name}/{case.target}/{action}/{outcome}/{why.reason}/{case.now.isoformat()}"
    identifier = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return Decision(
        identifier,
        case.now,
        case.playbook.name,
        case.target,
        action,
        outcome,
        why.reason,
        why.text,
        why.facts,
        effects,
    )
