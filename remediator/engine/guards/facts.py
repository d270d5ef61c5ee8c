"""Decisions as they are written down: with what the guards read, so that each can be made again. PURE."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts
from remediator.engine.guards.witnesses import destructive_witnesses, gate, witnesses_of
from remediator.model.decision import Decision, DecisionOutcome, Hold
from remediator.model.host import Host

# Under these keys a decision keeps what each guard read, what was planned, and whose asking a person has answered.
GUARDS, PLAN, APPROVED, QUESTION = "guards", "plan", "approved", "question"
SHADOW, DATA_LOSS = "ModeShadow", "DataLoss"


def topology_of(hosts: Mapping[str, Host]) -> str:
    """A digest of which hosts there were, and where: kept with decisions, as the digest of the rules is."""
    places = sorted(f"{host.name}/{host.region}/{host.rack}" for host in hosts.values())
    return hashlib.blake2b("\n".join(places).encode(), digest_size=8).hexdigest()


def outcome_of(hold: Hold) -> DecisionOutcome:
    """What a hold amounts to: a question where a person may answer, a note in shadow, else a hold."""
    if hold.reason == SHADOW:
        return DecisionOutcome.SHADOW
    return DecisionOutcome.ASK if hold.asks else DecisionOutcome.HOLD


def despite_gate(decision: Decision) -> bool:
    """Whether it acts though the gate is closed: on two witnesses, or on a person's word."""
    read: dict[str, Facts] = decision.facts.get(GUARDS, {})
    asked = [read[name] for name in (gate.name, destructive_witnesses.name) if name in read]
    return decision.outcome is DecisionOutcome.ACT and any(not facts["open"] for facts in asked)


def data_loss(facts: Facts) -> Hold:
    """What a plan itself asks people about: data that would be lost."""
    return Hold(DATA_LOSS, facts["question"], asks=True)


def facts_of(case: Case) -> dict[str, Any]:
    """What people look for first."""
    verdict = case.fleet.verdicts.get(case.target)
    facts: dict[str, Any] = {"gate_open": bool(case.fleet.gate and case.fleet.gate.open)}
    if verdict:
        facts |= {"verdict": verdict.kind.value, "silent": verdict.silent, "assigned": verdict.assigned}
        facts["witnesses"] = witnesses_of(case)
    if case.host:
        facts |= {"fence": case.host.fence.value, "epoch": case.host.epoch, "life": case.host.life.value}
    return facts


def held(case: Case, action: str, hold: Hold, read: Facts) -> Decision:
    """A decision not to act, or not yet."""
    facts = {**facts_of(case), **hold.facts, **read}
    return decision(case, action, outcome_of(hold), replace(hold, facts=facts))


def decision(case: Case, action: str, outcome: DecisionOutcome, why: Hold, effects: tuple[str, ...] = ()) -> Decision:
    """With an id that follows from what it says."""
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
