"""Leases on machines in the journal: granted, made longer, checked."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.machines.verbs import held
from remediator.model.asks import LeaseAsk
from remediator.model.machine import Machine
from remediator.model.machine_lease import MachineLease
from remediator.runtime.ledger import Draft


def check(draft: Draft, machine_id: str, nonce: str, now: datetime) -> None:
    """Nothing when nobody else holds the machine.

    Raises:
        Refused: somebody does.
    """
    if refused := held(draft.get(MachineLease, machine_id), nonce, now):
        raise refused


def grant(draft: Draft, ask: LeaseAsk, machine: Machine, now: datetime) -> MachineLease:
    """Put a lease into the draft: the same for longer to whoever names its nonce, else a new one."""
    until = now + timedelta(seconds=ask.seconds)
    known = draft.get(MachineLease, machine.id)
    if known is not None and known.in_force(now) and known.nonce == ask.nonce:
        lease = replace(known, expires_at=until, version=machine.instance_id)
    else:
        lease = MachineLease(machine.id, secrets.token_hex(8), ask.who, ask.description, machine.instance_id, until)
    draft.put(lease)
    return lease


def drop(draft: Draft, machine_id: str) -> None:
    """Whoever held a machine that is to end holds nothing."""
    known = draft.get(MachineLease, machine_id)
    if known is not None:
        draft.delete(known)
