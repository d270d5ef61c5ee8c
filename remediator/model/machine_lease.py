"""Leases on machines: an owner's word that nobody else changes one for now."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MachineLease:
    """Granted by us, whatever the machine's host does; whoever names the ``nonce`` holds it.

    ``version`` is the machine's instance_id when it was granted.
    """

    machine: str
    nonce: str = field(repr=False)
    owner: str
    description: str
    version: str
    expires_at: datetime

    def in_force(self, now: datetime) -> bool:
        return now < self.expires_at
