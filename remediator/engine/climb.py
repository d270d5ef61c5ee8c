"""The ladder of one playbook on one target: each rung planned, guarded, asked about or acted on. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from remediator.actions.effects import Effect, GiveUpDemands, NoteRecovery, Placeable
from remediator.actions.spec import ActionSpec, Case, Planned
from remediator.engine.guards import capacity
from remediator.engine.guards.facts import (
    APPROVED,
    DATA_LOSS,
    GUARDS,
    PLAN,
    QUESTION,
    SHADOW,
    data_loss,
    decision,
    facts_of,
    held,
)
from remediator.engine.guards.guard import ERRORS, Facts, Heard, hear
from remediator.engine.guards.holds import spared
from remediator.engine.guards.table import Guarding
from remediator.engine.index import index_of
from remediator.engine.machines.placement import placed, reserved
from remediator.engine.people import approvals
from remediator.model.changing import changed
from remediator.model.decision import Decision, DecisionOutcome, Hold, Remediation
from remediator.model.people import Approval
from remediator.model.policy import Kind, Mode, Playbook, Step
from remediator.model.record import Record

# What was done in vain, or could not be done, or nobody answered: the next rung is due.
ESCALATES = frozenset({"Cooldown", "WebhookFailed", "BurstStuck", "DemandStuck", "DemandTooLarge", "NextRung"})
_LEAVING = frozenset({"migrate", "drain"})


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one tick decided: decisions with their effects, remediations, questions, records, lack of room."""

    decisions: tuple[tuple[Decision, tuple[Effect, ...]], ...] = ()
    remediations: tuple[Remediation, ...] = ()
    unplaced: tuple[Placeable, ...] = ()
    approvals: tuple[Approval, ...] = ()
    records: tuple[Record, ...] = ()

    def with_all_of(self, other: "Verdicts") -> "Verdicts":
        if self is NOTHING or other is NOTHING:
            return other if self is NOTHING else self
        return Verdicts(
            self.decisions + other.decisions,
            self.remediations + other.remediations,
            self.unplaced + other.unplaced,
            self.approvals + other.approvals,
            self.records + other.records,
        )


NOTHING = Verdicts()


def climb(actions: Mapping[str, ActionSpec], case: Case, before: Heard, guarding: Guarding) -> Verdicts:
    """All rungs, in order: each plans against the fleet as it is, so that a rung may still be waiting below."""
    total, remediation, fleet = NOTHING, case.remediation, case.fleet
    for step in flat(case.playbook):
        if case.action != step.action or case.remediation is not remediation or case.fleet is not fleet:
            case = changed(case, remediation=remediation, fleet=fleet, action=step.action)
        taken = _step(actions[step.action], step, case, before, guarding)
        remediation = taken.remediations[0] if taken.remediations else remediation
        total = total.with_all_of(taken)
        given = reserved(taken.decisions, fleet) if taken.decisions else fleet.reserved
        if given is not fleet.reserved:
            fleet = changed(fleet, reserved=given)
        if any(_stops(decision) for decision, _ in taken.decisions):
            break
    same = not remediation.steps or remediation == fleet.remediations.get(remediation.key)
    # Of the remediation only what the last rung made of it.
    return NOTHING if same and total is NOTHING else changed(total, remediations=() if same else (remediation,))


def flat(playbook: Playbook) -> list[Step]:
    """Every step in order, with those that run beside another."""
    return [inner for step in playbook.steps for inner in (step, step.meanwhile) if inner]


def let_pass(case: Case, hold: Hold) -> bool:
    """Whether a person let pass what a guard asks about."""
    return hold.reason in approvals.approved(case, case.action)


def _stops(decision: Decision) -> bool:
    """Whether the rungs above must wait; what was done in vain, or nobody answered, is no reason to."""
    if decision.reason == "NoRoom" and decision.action in _LEAVING:
        # What cannot leave a living host is left there: the rung above says for how long.
        return False
    return decision.outcome is DecisionOutcome.HOLD and decision.reason not in ESCALATES


def _step(action: ActionSpec, step: Step, case: Case, before: Heard, guarding: Guarding) -> Verdicts:
    planned = _planned(action, step, case)
    if isinstance(planned, Hold):
        facts = {GUARDS: before.facts, APPROVED: before.approved, PLAN: {"hold": [planned.reason, planned.text]}}
        return Verdicts(((held(case, step.action, planned, facts), ()),))
    planned = spared(case, planned)
    if isinstance(planned, Hold):
        facts = {GUARDS: {**before.facts, "operator_hold": {"held": planned.text}}, APPROVED: before.approved}
        return Verdicts(((held(case, step.action, planned, facts), ()),))
    asked, planned = _asked(case, planned, before)
    if action.kind is Kind.DESTRUCTIVE and approvals.approved(case, case.action):
        named = approvals.covered(case, case.action, planned.effects)
        planned = replace(planned, effects=named or planned.effects)
    if not planned.effects:
        return asked if asked.decisions else _reached(case, step, planned)
    heard = hear(guarding.by_kind[action.kind], case, partial(_let_pass, action.kind, case, planned))
    heard = before.then(heard)
    if heard.hold:
        told = asked.with_all_of(stopped(case, heard, planned.effects))
        return replace(told, unplaced=capacity.missing(case)) if heard.hold.reason == capacity.REASON else told
    return asked.with_all_of(_act(case, step, planned, heard))


def _planned(action: ActionSpec, step: Step, case: Case) -> Planned | Hold:
    """What the step would do; a plan that fails does nothing, as a guard that fails blocks."""
    try:
        return action.plan(case, _params(action, step, case))
    except ERRORS as error:
        return Hold(
            "PlanFailed", f"the plan of {step.action} failed, and therefore nothing is done: {type(error).__name__}"
        )


def _params(action: ActionSpec, step: Step, case: Case) -> Any:
    """Checked once, not once for each of many targets."""
    known = index_of(case).kept(("params", id(step)), lambda: (step, action.params.model_validate(step.params)))
    return known[1]


def _asked(case: Case, planned: Planned, before: Heard) -> tuple[Verdicts, Planned]:
    """Of the effects that want a person's word, those that have it are planned; for the others it is asked."""
    if not planned.asks or case.playbook.mode is not Mode.AUTO:
        return NOTHING, planned
    named = approvals.covered(case, case.action, planned.asks)
    if named and DATA_LOSS in approvals.approved(case, case.action):
        spoken_for = {getattr(effect, "machine", "") for effect in named}
        told = [e for e in planned.effects if not (isinstance(e, NoteRecovery) and e.machine in spoken_for)]
        return NOTHING, replace(planned, effects=(*told, *named))
    hold = data_loss({"question": planned.question})
    return stopped(
        case, before.then(Heard(hold, {"data_loss": {"question": planned.question}})), planned.asks
    ), planned


def _let_pass(kind: Kind, case: Case, planned: Planned, hold: Hold) -> bool:
    """What kills is done to whom the question named, and to nobody else."""
    if kind is Kind.DESTRUCTIVE and not approvals.covered(case, case.action, planned.effects):
        return False
    return let_pass(case, hold)


def stopped(case: Case, heard: Heard, effects: tuple[Effect, ...]) -> Verdicts:
    """Held by a guard; where a person may let it pass, the question is put, or what it came to is told."""
    hold = heard.hold or Hold("GuardFailed", "no guard spoke")
    facts: Facts = {GUARDS: heard.facts, APPROVED: heard.approved}
    if not hold.asks:
        return Verdicts(((held(case, case.action, _shown(case, hold, effects), facts), ()),))
    asked = approvals.ask(case, case.action, _shown(case, hold, effects), tuple(effect.key for effect in effects))
    facts[QUESTION] = asked.facts
    rows = (asked.row,) if asked.row else ()
    return Verdicts(((held(case, case.action, asked.hold, facts), ()),), approvals=rows)


def _shown(case: Case, hold: Hold, effects: tuple[Effect, ...]) -> Hold:
    """In shadow, and where people are asked for each act, the hold says what would be done."""
    if hold.reason not in (SHADOW, "NeedsApproval"):
        return hold
    names = _told(effects, case)
    return replace(
        hold, text=f"would do {len(effects)} effects; {hold.text}{'' if names == 'done' else f': {names}'}"
    )


def _reached(case: Case, step: Step, planned: Planned) -> Verdicts:
    """Nothing to do on this rung: it is complete, unless it waits for something; who only watches takes no slot."""
    if planned.waiting:
        return NOTHING
    answered = approvals.used(case, step.action)
    rows = (answered,) if answered else ()
    if step.action in case.remediation.steps or case.playbook.mode is not Mode.AUTO:
        return Verdicts(approvals=rows) if rows else NOTHING
    return Verdicts(remediations=(_with_step(case, step),), approvals=rows)


def _act(case: Case, step: Step, planned: Planned, heard: Heard) -> Verdicts:
    effects, without = placed(planned.effects, case.fleet)
    facts: Facts = {GUARDS: heard.facts, APPROVED: heard.approved}
    facts[PLAN] = {"effects": len(planned.effects), "placed": len(effects)}
    if not effects:
        told = f"no host in {case.region} has room for {len(without)} of its machines"
        return Verdicts(((held(case, step.action, Hold("NoRoom", told), facts), ()),), unplaced=without)
    text = f"{step.action} on {case.target}: {_told(effects, case)}"
    keys = tuple(effect.key for effect in effects)
    acting = Hold("Acting", text, {**facts_of(case), **facts})
    told_of = decision(case, step.action, DecisionOutcome.ACT, acting, keys)
    if all(isinstance(effect, GiveUpDemands) for effect in effects):
        # Only said: it takes no slot, and what comes after it no cooldown.
        return Verdicts(((told_of, effects),), (), without)
    return Verdicts(((told_of, effects),), (_with_step(case, step),), without)


def _told(effects: tuple[Effect, ...], case: Case) -> str:
    """What is done, in names that people know."""
    machines = [case.fleet.machines.get(getattr(effect, "machine", "")) for effect in effects]
    names = sorted(f"{machine.app}/{machine.name}" for machine in machines if machine)
    return ", ".join(names) if names else "done"


def _with_step(case: Case, step: Step) -> Remediation:
    steps = {step.action: case.now} | case.remediation.steps
    return changed(case.remediation, steps=steps)
