"""Proof that a machine's old process can no longer act: its host is off, or its lease there has run out."""

from remediator.model.host import Fence, Host
from remediator.model.machine import Machine

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
