"""How far a playbook has come on one target, in a word and a sentence: what an alert tells of its remedy. PURE."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from remediator.model.decision import Decision, DecisionOutcome, Remediation
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.machine import Machine, Recovery
from remediator.model.policy import Mode, Playbook
from remediator.model.request import Burst, BurstStage, Migration, MigrationStage, Stage

_Place = tuple[str, str]


class Remedy(StrEnum):
    """Where a remedy stands; ``asks`` is for a person's word, ``held`` for what a guard waits for."""

    NONE = "none"
    UNDECIDED = "undecided"
    HELD = "held"
    ASKS = "asks"
    ACTING = "acting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """``text`` is for people: what was done and with what outcome; ``reason`` the guard's word where one holds."""

    remedy: Remedy
    text: str = ""
    reason: str = ""


NO_REMEDY = Progress(Remedy.NONE)


@dataclass(frozen=True, slots=True)
class Doings:
    """Decisions by playbook and target: acts, and what stands instead of an act."""

    acts: Mapping[_Place, Sequence[Decision]] = field(default_factory=dict)
    standing: Mapping[_Place, Decision] = field(default_factory=dict)


def build_doings(recent: Iterable[Decision], holds: Iterable[Decision]) -> Doings:
    """``recent`` in any order; of several that stand on one target, one that a person is asked about is told."""
    acts: dict[_Place, list[Decision]] = {}
    standing: dict[_Place, Decision] = {}
    for decision in recent:
        if decision.outcome is DecisionOutcome.ACT:
            acts.setdefault((decision.playbook, decision.target), []).append(decision)
    for hold in sorted(holds, key=lambda hold: hold.outcome is DecisionOutcome.ASK):
        standing[hold.playbook, hold.target] = hold
    return Doings(acts, standing)


def progress(playbook: Playbook | None, target: str, doings: Doings, fleet: Fleet, fired_at: datetime) -> Progress:
    """Of one playbook on one target, for an alert that has fired at ``fired_at``."""
    if playbook is None or not target or playbook.mode is Mode.DISABLED:
        return NO_REMEDY
    place = (playbook.name, target)
    standing = doings.standing.get(place)
    if playbook.mode is Mode.SHADOW:
        would = f"; {standing.action}: {standing.text}" if standing else ""
        return Progress(Remedy.NONE, f"{playbook.name} is in shadow and does nothing{would}")
    remediation = fleet.remediations.get("/".join(place))
    if remediation is not None and remediation.closed_at and remediation.closed_at < fired_at:
        # Of an earlier time: this alert has not been answered yet.
        remediation = None
    acts = tuple(act for act in doings.acts.get(place, ()) if remediation and act.at >= remediation.opened_at)
    if failure := _failure(target, acts, remediation, fleet):
        return Progress(Remedy.FAILED, f"{playbook.name} failed: {failure}", "Failed")
    if standing is not None:
        return _waiting(playbook, standing, remediation)
    return _running(playbook, target, remediation, acts, fleet)


def _waiting(playbook: Playbook, standing: Decision, remediation: Remediation | None) -> Progress:
    done = f" after {', '.join(_done(playbook, remediation))}" if remediation and remediation.steps else ""
    if standing.outcome is DecisionOutcome.ASK:
        told = f"{playbook.name} waits for a person at {standing.action}{done}: {standing.text}"
        return Progress(Remedy.ASKS, told, standing.reason)
    told = f"{playbook.name} is held at {standing.action}{done} by {standing.reason}: {standing.text}"
    return Progress(Remedy.HELD, told, standing.reason)


def _running(
    playbook: Playbook, target: str, remediation: Remediation | None, acts: tuple[Decision, ...], fleet: Fleet
) -> Progress:
    if playbook.mode is Mode.APPROVE:
        return Progress(Remedy.ASKS, f"{playbook.name} does nothing without a person's approval", "NeedsApproval")
    if remediation is None or not remediation.steps:
        if fleet.gate is not None and not fleet.gate.open:
            told = f"{playbook.name} is held: the metrics store cannot be trusted ({fleet.gate.reason})"
            return Progress(Remedy.HELD, told, "GateClosed")
        return Progress(Remedy.UNDECIDED, f"{playbook.name}: nothing is decided yet")
    done = ", ".join(_done(playbook, remediation))
    if remediation.closed_at is not None:
        return Progress(Remedy.SUCCEEDED, f"{playbook.name} succeeded with {done}: {remediation.outcome}")
    all_steps = all(step.action in remediation.steps for step in playbook.steps)
    if not all_steps or _under_way(target, acts, remediation, fleet):
        return Progress(Remedy.ACTING, f"{playbook.name} is under way: {done}")
    if not acts:
        # Nobody was helped: a target that is none of ours, say.
        return Progress(Remedy.NONE, f"{playbook.name} found nothing to do on {target}")
    waiting = [machine for machine in _lost_machines(target, fleet) if machine.recovery is Recovery.WAITING]
    if waiting:
        told = f"{len(waiting)} machines wait, {waiting[0].app}/{waiting[0].name}: {waiting[0].recovery_reason}"
        return Progress(Remedy.HELD, f"{playbook.name} can do no more after {done}: {told}", "Waiting")
    return Progress(Remedy.SUCCEEDED, f"{playbook.name} has done all its steps: {done}")


def _done(playbook: Playbook, remediation: Remediation) -> list[str]:
    """The steps taken so far, in the playbook's order."""
    flat = [inner for step in playbook.steps for inner in (step, step.meanwhile) if inner]
    return [step.action for step in flat if step.action in remediation.steps]


def _under_way(target: str, acts: tuple[Decision, ...], remediation: Remediation, fleet: Fleet) -> bool:
    decided = {act.id for act in acts}
    return (
        any(operation.open and operation.decision in decided for operation in fleet.operations.values())
        or any(each.open for each in _asked_since(target, remediation, fleet))
        or any(machine.recovery is Recovery.PLACED for machine in _lost_machines(target, fleet))
    )


def _failure(target: str, acts: tuple[Decision, ...], remediation: Remediation | None, fleet: Fleet) -> str:
    """What went wrong and was not put right since; empty for nothing."""
    if remediation is None:
        return ""
    held = [machine for machine in _lost_machines(target, fleet) if machine.recovery is Recovery.HELD]
    if held:
        return f"{held[0].app}/{held[0].name} is held: {held[0].recovery_reason}"
    for each in _asked_since(target, remediation, fleet):
        if each.stage in (MigrationStage.STUCK, BurstStage.STUCK):
            return f"{each.id} is stuck: {each.note}"
    return _failed_operation(acts, fleet)


def _failed_operation(acts: tuple[Decision, ...], fleet: Fleet) -> str:
    decided = {act.id for act in acts}
    mine = [operation for operation in fleet.operations.values() if operation.decision in decided]
    for failed in (operation for operation in mine if operation.stage is Stage.FAILED):
        again = [
            other
            for other in mine
            if (other.verb, other.host) == (failed.verb, failed.host) and other.written_at > failed.written_at
        ]
        # Creates that failed are told by their machines: another host may have taken the work since.
        if not again and not failed.machine:
            return f"{failed.verb} on {failed.host}: {failed.error}"
    return ""


def _asked_since(target: str, remediation: Remediation, fleet: Fleet) -> Iterable[Migration | Burst]:
    asked: list[Migration | Burst] = [each for each in fleet.migrations.values() if each.source == target]
    asked += [each for each in fleet.bursts.values() if each.region == target]
    return [each for each in asked if each.asked_at >= remediation.opened_at]


def _lost_machines(target: str, fleet: Fleet) -> Iterable[Machine]:
    host = fleet.hosts.get(target)
    if host is None or host.life is not Life.DEAD:
        return ()
    return [machine for machine in fleet.machines_on(target) if machine.alive]
