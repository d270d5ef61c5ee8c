"""Where a machine goes: hosts that take work and have room, away from its siblings, most room first."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from remediator.actions.effects import Effect, Migrate, Placeable, Recreate, RestoreVolume
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host
from remediator.model.machine import Machine

Room = dict[str, Capacity]


def room_of(fleet: Fleet) -> Room:
    """Free capacity of each host that takes work."""
    return {host.name: fleet.free_on(host) for host in fleet.hosts.values() if host.takes_work}


def choose(fleet: Fleet, room: Mapping[str, Capacity], app: str, region: str, size: Capacity) -> Host | None:
    """The best host of a region, or None when none has room.

    Prefers racks, then hosts, with fewest machines of the app, then most free memory; names break ties.
    """
    fit = [fleet.hosts[name] for name, free in room.items() if size.fits(free) and fleet.hosts[name].region == region]
    siblings = [m for m in fleet.machines.values() if m.app == app and m.alive]

    def rank(host: Host) -> tuple[int, int, int, str]:
        in_rack = sum(1 for m in siblings if m.host in fleet.hosts and fleet.hosts[m.host].rack == host.rack)
        on_host = sum(1 for machine in siblings if machine.host == host.name)
        return (on_host, in_rack, -room[host.name].memory_mb, host.name)

    return min(fit, key=rank, default=None)


def placed(effects: tuple[Effect, ...], fleet: Fleet) -> tuple[tuple[Effect, ...], tuple[Placeable, ...]]:
    """The effects with their targets chosen, and those for which there is no room.

    Each choice takes its room from the next, so that one decision never promises a piece twice.
    """
    room = room_of(fleet)
    done: list[Effect] = []
    without: list[Placeable] = []
    for effect in effects:
        if not isinstance(effect, Recreate | RestoreVolume | Migrate) or effect.target:
            done.append(effect)
            continue
        machine = fleet.machines[effect.machine]
        size = _size(effect, machine, fleet)
        away = {name: free for name, free in room.items() if name != machine.host}
        host = choose(fleet, away, machine.app, machine.region, size)
        if host is None:
            without.append(effect)
            continue
        room[host.name] -= size
        done.append(replace(effect, target=host.name))
    return tuple(done), tuple(without)


def _size(effect: Placeable, machine: Machine, fleet: Fleet) -> Capacity:
    """What the effect takes on its target; a volume brings its machine along."""
    if isinstance(effect, RestoreVolume):
        return machine.asks + Capacity(disk_mb=effect.size_mb)
    if isinstance(effect, Migrate):
        disk = sum(fleet.volumes[v].size_mb for v in machine.volumes if v in fleet.volumes)
        return machine.asks + Capacity(disk_mb=disk)
    return machine.asks


def reserved(decisions: Iterable[tuple[object, tuple[Effect, ...]]], fleet: Fleet) -> Mapping[str, Capacity]:
    """What those decisions take, on top of what was taken before them, by host."""
    taken = dict(fleet.reserved)
    for _, effects in decisions:
        for effect in effects:
            if isinstance(effect, Recreate | RestoreVolume | Migrate) and effect.machine in fleet.machines:
                size = _size(effect, fleet.machines[effect.machine], fleet)
                taken[effect.target] = taken.get(effect.target, Capacity()) + size
    return taken
