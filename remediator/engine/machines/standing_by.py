"""Where a standby goes when it is made: away from the machines that it stands by for. PURE."""

from remediator.engine.machines import placement
from remediator.engine.machines.placement import Room
from remediator.engine.machines.refusals import precondition
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.machine import Machine


def check(standby: Machine, fleet: Fleet) -> None:
    """Nothing when all that it is to stand by for are there.

    Raises:
        Refused: one is unknown; another app's is, to whoever asks, one that is not there.
    """
    for name in standby.stands_by:
        known = fleet.machines.get(name)
        if known is None or known.app != standby.app:
            raise precondition(f"machine {name}, which it is to stand by for, is not in app {standby.app}")


def choose(machine: Machine, room: Room, fleet: Fleet) -> Host | None:
    """The best host of its region; for a standby one that may outlive theirs, if any has room."""
    size = machine.asks
    apart = {name: free for name, free in room.items() if not beside(machine, name, fleet)}
    found = placement.choose(fleet, apart, machine.app, machine.region, size)
    if found is None and len(apart) < len(room):
        return placement.choose(fleet, room, machine.app, machine.region, size)
    return found


def beside(machine: Machine, host: str, fleet: Fleet) -> str:
    """Words for a standby that would be lost together with whom it stands by for; empty for all others."""
    mine = [name for name in machine.stands_by if name in fleet.machines and fleet.machines[name].host == host]
    return f"on the host of {', '.join(mine)}, for which it stands by: no other has room" if mine else ""
