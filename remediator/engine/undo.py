"""Undo: what a playbook did to a host in passing is taken back once the host was well for long enough."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.actions.effects import Effect, Uncordon
from remediator.model.decision import Decision, DecisionOutcome, Remediation
from remediator.model.fleet import Fleet
from remediator.model.policy import Mode, Playbook, Policy

UNDONE = "undo"


def undos(policy: Policy, fleet: Fleet, now: datetime) -> Iterator[tuple[Decision, tuple[Effect, ...], Remediation]]:
    """A decision for each remediation whose undo is due. It heals: no budget, breaker or gate is asked."""
    for remediation in fleet.remediations.values():
        playbook = policy.playbooks.get(remediation.playbook)
        if playbook and not fleet.frozen and playbook.mode is Mode.AUTO and _due(playbook, remediation, fleet, now):
            after = replace(remediation, steps={**remediation.steps, UNDONE: now})
            yield _decision(playbook, remediation, now), (Uncordon(remediation.target, playbook.name),), after


def _due(playbook: Playbook, remediation: Remediation, fleet: Fleet, now: datetime) -> bool:
    """Cordoned by this playbook, closed for the whole span, and not asked for again."""
    host = fleet.hosts.get(remediation.target)
    if playbook.undo.get("action") != "uncordon" or remediation.closed_at is None or UNDONE in remediation.steps:
        return False
    span: timedelta = playbook.undo.get("healthy_for", timedelta())
    asked = any(alert.actionable and alert.labels.get("host") == remediation.target for alert in fleet.alerts)
    return host is not None and host.cordoned == playbook.name and not asked and now - remediation.closed_at >= span


def _decision(playbook: Playbook, remediation: Remediation, now: datetime) -> Decision:
    text = f"uncordon {remediation.target}: the signal has been clear for long enough"
    identifier = hashlib.blake2b(f"{remediation.key}/undo/{now.isoformat()}".encode(), digest_size=6).hexdigest()
    keys = (f"uncordon:{remediation.target}",)
    outcome = DecisionOutcome.ACT
    return Decision(identifier, now, playbook.name, remediation.target, "uncordon", outcome, "Undo", text, {}, keys)
