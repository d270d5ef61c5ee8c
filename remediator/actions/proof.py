"""Proof that a machine's old process can no longer act: its host is off, or its lease there has run out."""

from remediator.model.host import Fence, Host, Life
from remediator.model.machine import Machine, MachineState, Recovery

LEASE = "lease"
AGREED = "true"


def under_lease(machine: Machine) -> bool:
    """Whether its app agreed, by ``lease: "true"`` in config.metadata, that an agent cut off from all stops it.

    Only what alone may write to a volume is stopped so; for all others the key says nothing.
    """
    metadata = machine.config.get("metadata") or {}
    return bool(machine.volumes) and metadata.get(LEASE) == AGREED


def proved_by(host: Host | None, machine: Machine) -> str:
    """Who proves it for this machine; empty while nobody does. A lapsed lease proves nothing of its neighbours."""
    if host is None:
        return ""
    if host.fence is Fence.PROVED:
        return host.fence_by or "somebody"
    return LEASE if host.lease_lapsed_at is not None and under_lease(machine) else ""


def never_ran(machine: Machine, host: Host | None) -> bool:
    """A replacement of which nobody ever heard, for its host was lost before, and which is proved to be off."""
    unheard = machine.state is MachineState.CREATED and machine.recovery is not Recovery.NONE and machine.replaces
    return bool(unheard) and host is not None and host.life is Life.DEAD and host.fence is Fence.PROVED
