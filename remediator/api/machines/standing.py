"""Why a lost machine does not run elsewhere although nothing is written on it: the hold of its host, as an event.

Read when asked, never written: a hold is of hosts, and to note it on each of their machines, and its end, would cost
a region's loss a write a machine. Of the hold its reason alone is told: its text may name others' apps.
"""

from collections.abc import Callable

from remediator.api.machine_docs import EventDoc
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.host import Host
from remediator.model.machine import Machine
from remediator.model.stuck import missed

# What ends the lost machine, and what tells of it, keeps nothing from running elsewhere.
_BESIDE = frozenset({"condemn", "notify"})
_SAID = {
    DecisionOutcome.ASK: "waits for a person's answer",
    DecisionOutcome.HOLD: "is held",
    DecisionOutcome.SHADOW: "is only watched",
}


def standing_docs(machine: Machine, host: Host | None, holds_of: Callable[[str], list[Decision]]) -> list[EventDoc]:
    """Of the holds of its host the one that has stood longest, if one stands in its way."""
    if not missed(machine, host):
        return []
    mine = [each for each in holds_of(machine.host) if each.action not in _BESIDE]
    return [_doc(machine, min(mine, key=lambda each: each.at))] if mine else []


def _doc(machine: Machine, hold: Decision) -> EventDoc:
    at = int(hold.at.timestamp() * 1000)
    return {
        "id": f"{machine.id}-{at}-recovery",
        "type": "recovery",
        "status": "held",
        "source": "fleetmend",
        "timestamp": at,
        "text": f"nothing replaces it yet: {hold.playbook} {_SAID[hold.outcome]} ({hold.reason})",
    }
