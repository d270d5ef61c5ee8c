"""An app's word that its machines may run in another region when their own is gone. PURE.

It is the string under ``other_regions`` in config.metadata: names of regions, the first of them best, or ``any``.
Without it a machine never leaves its region: its data, its users and its law are there.
"""

from remediator.model.fleet import Fleet
from remediator.model.machine import Machine

KEY, ANY = "other_regions", "any"


def regions_of(machine: Machine, fleet: Fleet) -> tuple[str, ...]:
    """Where else it may run, in the order in which they are tried; nothing without its app's word."""
    word = str((machine.config.get("metadata") or {}).get(KEY, "")).strip()
    if not word:
        return ()
    named = [name.strip() for name in word.split(",")]
    if ANY in named:
        named = sorted({host.region for host in fleet.hosts.values()})
    return tuple(dict.fromkeys(name for name in named if name and name != machine.region))
