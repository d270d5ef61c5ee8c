"""Undo: what a playbook did to a host in passing is taken back once the host was well for long enough. PURE."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from remediator.actions.effects import Effect, MarkAlive, Uncordon
from remediator.engine.guards.facts import GUARDS
from remediator.engine.guards.guard import Facts
from remediator.engine.guards.holds import hold_on, of_host, words
from remediator.model.decision import Decision, DecisionOutcome, Hold, Remediation
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.policy import Mode, Playbook, Policy, Undo

UNDONE = "undo"
MARK_HOST_ALIVE = "mark_host_alive"
Undone = tuple[Decision, tuple[Effect, ...], Remediation]


def undos(policy: Policy, fleet: Fleet, now: datetime) -> Iterator[Undone]:
    """A decision for each remediation whose undo is due. It heals: no budget, breaker or gate is asked."""
    for remediation in fleet.remediations.values():
        playbook = policy.playbooks.get(remediation.playbook)
        if (
            playbook is None
            or playbook.undo is None
            or remediation.closed_at is None
            or playbook.mode is not Mode.AUTO
        ):
            continue
        effect = _effect(playbook, playbook.undo, remediation, fleet)
        if effect is None:
            continue
        facts = _facts(playbook.undo, remediation, fleet, now)
        if judge_undo(facts) is None:
            after = replace(remediation, steps={**remediation.steps, UNDONE: now})
            yield _decision(playbook.undo, remediation, effect.key, facts, now), (effect,), after


def judge_undo(facts: Facts) -> Hold | None:
    """Not while a person stops it, nor while somebody asks, nor before it was well for the whole span."""
    if facts["stopped"]:
        return Hold("OperatorHold", facts["stopped"])
    if facts["asked"] or facts["well"] < facts["must"]:
        return Hold("NotWellYet", f"well for {facts['well']:.0f} s of {facts['must']:.0f} s")
    return None


def _effect(playbook: Playbook, undo: Undo, remediation: Remediation, fleet: Fleet) -> Effect | None:
    """What would be taken back; only what this playbook itself has done, and once."""
    host = fleet.hosts.get(remediation.target)
    if host is None or UNDONE in remediation.steps:
        return None
    if undo.action == MARK_HOST_ALIVE:
        marked = "mark_host_dead" in remediation.steps and host.life is Life.HEALTHY
        return MarkAlive(host.name) if marked else None
    return Uncordon(host.name, playbook.name) if host.cordoned == playbook.name else None


def _facts(undo: Undo, remediation: Remediation, fleet: Fleet, now: datetime) -> Facts:
    host = fleet.hosts[remediation.target]
    held = hold_on(fleet, of_host(fleet, host.name), now, remediation.playbook)
    stopped = fleet.frozen or (words(held) if held else "")
    asked = any(alert.actionable and alert.labels.get("host") == host.name for alert in fleet.alerts)
    well = (now - _well_since(undo, remediation, host)).total_seconds()
    return {"stopped": stopped, "asked": asked, "well": well, "must": undo.healthy_for.total_seconds()}


def _well_since(undo: Undo, remediation: Remediation, host: Host) -> datetime:
    closed = remediation.closed_at or host.since
    return max(closed, host.since) if undo.action == MARK_HOST_ALIVE else closed


def _decision(undo: Undo, remediation: Remediation, key: str, facts: Facts, now: datetime) -> Decision:
    target = remediation.target
    text = f"{undo.action} {target}: the signal has been clear for long enough"
    identifier = hashlib.blake2b(f"{remediation.key}/undo/{now.isoformat()}".encode(), digest_size=6).hexdigest()
    read, act = {GUARDS: {UNDONE: facts}}, DecisionOutcome.ACT
    return Decision(identifier, now, remediation.playbook, target, undo.action, act, "Undo", text, read, (key,))
