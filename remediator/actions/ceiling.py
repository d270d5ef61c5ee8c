"""The ceiling ``automatic_destroys``: how many more machines of a host automatic decisions may destroy now.

Every automatic destroy counts, whatever it was decided by: condemned on proof or after patience, or not let in again.
What automatic decisions added within that time they may take back: a replacement that is withdrawn does not count,
for letting a host in again is healing. What owners and operators ask for never counts, and never waits.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from remediator.actions.spec import Case
from remediator.model.fleet import Fleet
from remediator.model.layered import picked
from remediator.model.machine import Machine, MachineState
from remediator.model.policy import Limits
from remediator.model.request import Origin


def room(case: Case) -> int:
    """How many more on the case's target."""
    return room_on(case.target, case.fleet, case.limits, case.now)


def room_on(host: str, fleet: Fleet, limits: Limits, now: datetime) -> int:
    """Counted as the host's agent counts it; what is still to be carried out counts already."""
    since = now - limits.automatic_destroys_per
    mine = [destroy for destroy in picked(fleet.destroys, "host", host) if destroy.origin is Origin.AUTOMATIC]
    recent = [destroy for destroy in mine if destroy.open or (destroy.moved_at or destroy.asked_at) > since]
    spent = [each for each in recent if not added(fleet.machines.get(each.machine), limits, now)]
    here = sum(machine.state is not MachineState.DESTROYED for machine in fleet.machines_on(host))
    return limits.automatic_destroys.of(here + sum(not destroy.open for destroy in spent)) - len(spent)


def added(machine: Machine | None, limits: Limits, now: datetime) -> bool:
    """Whether automatic decisions made it a moment ago, in another one's place."""
    return machine is not None and bool(machine.replaces) and machine.created_at > now - limits.automatic_destroys_per


def words(limits: Limits) -> str:
    """What may be, for people."""
    most, per = limits.automatic_destroys, limits.automatic_destroys_per.total_seconds()
    return f"{most.share:.0%} of its machines, at least {most.at_least}, may be destroyed in {per:.0f} s"


class Room:
    """What is left on each host of a fleet, taken from piece by piece within one decision."""

    def __init__(self, fleet: Fleet, now: datetime) -> None:
        self._fleet = fleet
        self._now = now
        self._left: dict[str, int] = {}

    def left(self, host: str) -> int:
        if host not in self._left:
            self._left[host] = room_on(host, self._fleet, self._fleet.limits, self._now)
        return self._left[host]

    def take(self, hosts: Iterable[str]) -> str:
        """One machine of each is to go: all of them are counted, or none, and a host that has no room is named."""
        wanted = Counter(hosts)
        full = next((host for host, many in wanted.items() if many > self.left(host)), "")
        if not full:
            self._left |= {host: self.left(host) - many for host, many in wanted.items()}
        return full
