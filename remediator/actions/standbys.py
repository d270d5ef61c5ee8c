"""Standbys: machines that wait, stopped, to stand in for others of their app whose host is lost. PURE."""

from collections.abc import Iterable, Mapping

from remediator.actions.effects import StandIn
from remediator.model.fleet import Fleet
from remediator.model.host import HostStatus, Life
from remediator.model.machine import Machine, MachineState

_AT_REST = frozenset({MachineState.CREATED, MachineState.STOPPED, MachineState.SUSPENDED})


def stand_ins(lost: Iterable[Machine], fleet: Fleet, epoch: int) -> Mapping[str, StandIn]:
    """By lost machine, its standby that is to be started; each stands in for one at a time."""
    if not fleet.has_standbys:
        return {}
    taken: set[str] = set()
    found: dict[str, StandIn] = {}
    for machine in lost:
        mine = (each for each in fleet.standbys_of(machine.app) if each.id not in taken)
        wishes = (StandIn(machine.id, each.id, epoch) for each in mine if _ready(each, machine, fleet))
        # Whoever was asked in this life of the host, and could not, is not asked again.
        wish = min((each for each in wishes if each.key not in fleet.operations), key=_name, default=None)
        if wish is not None:
            found[machine.id] = wish
            taken.add(wish.standby)
    return found


def standing_in(lost: Iterable[Machine], fleet: Fleet) -> Mapping[str, str]:
    """By machine, the standby that stands in for it now."""
    if not fleet.has_standbys:
        return {}
    theirs = (each for app in {machine.app for machine in lost} for each in fleet.standbys_of(app))
    return {each.standing_for: each.id for each in theirs if each.standing_for and each.alive}


def _name(effect: StandIn) -> str:
    return effect.standby


def _ready(standby: Machine, lost: Machine, fleet: Fleet) -> bool:
    if lost.id not in standby.stands_by or standby.state not in _AT_REST:
        return False
    if standby.stands_in or standby.stepping_down or standby.adopted or standby.quarantined:
        return False
    host = fleet.hosts.get(standby.host)
    return host is not None and host.status is HostStatus.OK and host.life is not Life.RETURNING
