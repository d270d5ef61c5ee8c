"""Where a machine goes: hosts that take work and have room, away from its siblings, most room first."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge, nsmallest

from remediator.actions.effects import Effect, Migrate, Placeable, Recreate, RestoreVolume
from remediator.model.changing import changed
from remediator.model.fleet import Fleet
from remediator.model.grouping import under
from remediator.model.host import Capacity, Host
from remediator.model.machine import Machine

Room = dict[str, Capacity]
# Free memory, most first, and a name.
_Rank = tuple[int, str]
_PLACEABLE = (Recreate, RestoreVolume, Migrate)


def room_of(fleet: Fleet) -> Room:
    """Free capacity of each host that takes work."""
    return {host.name: fleet.free_on(host) for host in fleet.hosts.values() if host.takes_work}


def choose(fleet: Fleet, room: Mapping[str, Capacity], app: str, region: str, size: Capacity) -> Host | None:
    """The best host of a region, or None when none has room.

    Prefers racks, then hosts, with fewest machines of the app, then most free memory; names break ties.
    """
    here = {name: free for name, free in room.items() if fleet.hosts[name].region == region}
    return _Places(replace(fleet, reserved={}), here, _ordered(here), {}).best(app, size)


def _ordered(room: Mapping[str, Capacity]) -> list[_Rank]:
    return sorted((-free.memory_mb, name) for name, free in room.items())


class _Places:
    """Hosts of one region, most free memory first; what is taken is taken from the next choice."""

    def __init__(
        self, fleet: Fleet, room: Mapping[str, Capacity], order: Sequence[_Rank], moved: Mapping[str, Capacity | None]
    ) -> None:
        """``moved`` are hosts whose room is another than when they were put in order; None where there is none."""
        self._fleet = fleet
        self._room = room
        self._order = order
        self._gone = moved
        self._less = {name: free for name, free in moved.items() if free is not None}
        # By app, how many were sent to a host, and into a rack, by choices of now.
        self._sent: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
        for name, taken in fleet.reserved.items():
            free = self._less.get(name) if name in moved else room.get(name)
            if free is not None:
                self._less[name] = free - taken

    def best(self, app: str, size: Capacity, besides: str = "") -> Host | None:
        """The first host, by free memory, of those with fewest siblings on it, then in its rack."""
        on_host, in_rack = self._siblings(app)
        sent = self._sent.get(app)
        found: tuple[int, int] | None = None
        best: Host | None = None
        for _, name in self._by_memory():
            if name == besides or not size.fits(self._free(name)):
                continue
            host = self._fleet.hosts[name]
            crowd = (on_host.get(name, 0), in_rack.get(host.rack, 0))
            if sent is not None:
                crowd = (crowd[0] + sent[0].get(name, 0), crowd[1] + sent[1].get(host.rack, 0))
            if found is None or crowd < found:
                found, best = crowd, host
            if crowd == (0, 0):
                break
        return best

    def take(self, host: Host, app: str, size: Capacity) -> None:
        self._less[host.name] = self._free(host.name) - size
        on_host, in_rack = self._sent.setdefault(app, ({}, {}))
        on_host[host.name] = on_host.get(host.name, 0) + 1
        in_rack[host.rack] = in_rack.get(host.rack, 0) + 1

    def _free(self, name: str) -> Capacity:
        return self._less.get(name) or self._room[name]

    def _by_memory(self) -> Iterator[_Rank]:
        less, gone = self._less, self._gone
        still = (rank for rank in self._order if rank[1] not in less and rank[1] not in gone)
        return merge(still, _ordered(less)) if less else still

    def _siblings(self, app: str) -> tuple[Counter[str], Counter[str]]:
        """How many living machines of the app there are, by host and by rack."""
        # Racks do not move: what was laid over the hosts since matters little to who sits beside whom.
        rows = (self._fleet.machines, under(self._fleet.hosts))
        known: dict[str, tuple[Counter[str], Counter[str]]] = self._fleet.views.siblings.of(rows, dict)
        if app not in known:
            known[app] = self._count(app)
        return known[app]

    def _count(self, app: str) -> tuple[Counter[str], Counter[str]]:
        on_host = Counter(machine.host for machine in self._fleet.machines_of(app) if machine.alive)
        in_rack: Counter[str] = Counter()
        for name, many in on_host.items():
            if name in self._fleet.hosts:
                in_rack[self._fleet.hosts[name].rack] += many
        return on_host, in_rack


def placed(effects: tuple[Effect, ...], fleet: Fleet) -> tuple[tuple[Effect, ...], tuple[Placeable, ...]]:
    """The effects with their targets chosen, and those for which there is no room.

    Each choice takes its room from the next, so that one decision never promises a piece twice, and counts as a
    sibling from then on. The largest are placed first: small ones find room in what is left.
    """
    if not any(isinstance(effect, _PLACEABLE) for effect in effects):
        return effects, ()
    done: list[Effect] = []
    without: list[Placeable] = []
    chosen = _chosen(effects, fleet)
    for number, effect in enumerate(effects):
        if not isinstance(effect, _PLACEABLE) or effect.target:
            done.append(effect)
        elif number in chosen:
            done.append(changed(effect, target=chosen[number]))
        else:
            without.append(effect)
    return tuple(done), tuple(without)


def _chosen(effects: tuple[Effect, ...], fleet: Fleet) -> dict[int, str]:
    """By the place of an effect among all, the host that was found for it."""
    wishes = [
        (number, fleet.machines[effect.machine], _size(effect, fleet.machines[effect.machine], fleet))
        for number, effect in enumerate(effects)
        if isinstance(effect, _PLACEABLE) and not effect.target
    ]
    known: dict[str, _Places] = {}
    found: dict[int, str] = {}
    for number, machine, size in sorted(wishes, key=lambda wish: -wish[2].memory_mb):
        effect = effects[number]
        for region in (machine.region, *(effect.elsewhere if isinstance(effect, Recreate) else ())):
            places = known[region] = known.get(region) or _places_in(fleet, region)
            host = places.best(machine.app, size, besides=machine.host)
            if host is not None:
                places.take(host, machine.app, size)
                found[number] = host.name
                break
    return found


def narrowed(fleet: Fleet, most: int) -> None:
    """From now on no more hosts of a region are tried than those with most free memory, and with most processors."""
    known = _orders(fleet)
    for region in {host.region for host in fleet.hosts.values()}:
        room = {host.name: fleet.free_on(host) for host in fleet.takers(region)}
        by_memory = nsmallest(most, ((-free.memory_mb, name) for name, free in room.items()))
        by_cpus = nsmallest(most, ((-free.cpus, name) for name, free in room.items()))
        few = {name: room[name] for _, name in (*by_memory, *by_cpus)}
        known[region] = few, _ordered(few)


def _orders(fleet: Fleet) -> dict[str, tuple[Room, list[_Rank]]]:
    """By region, the hosts that take work, with their room and in order; while what lies beneath is the same."""
    rows = (under(fleet.hosts), under(fleet.machines), under(fleet.volumes))
    known: dict[str, tuple[Room, list[_Rank]]] = fleet.views.orders.of(rows, dict)
    return known


def _places_in(fleet: Fleet, region: str) -> _Places:
    """Put in order once for all that lies beneath; what was laid over it since is looked at anew."""
    known = _orders(fleet)
    if region not in known:
        beneath = fleet.beneath()
        room = {host.name: beneath.free_on(host) for host in beneath.takers(region)}
        known[region] = room, _ordered(room)
    now = (fleet.hosts, fleet.machines, fleet.volumes, fleet.migrations)
    moved: Mapping[str, Mapping[str, Capacity | None]] = fleet.views.moved.of(now, lambda: _moved(fleet))
    return _Places(fleet, *known[region], moved.get(region, {}))


def _moved(fleet: Fleet) -> dict[str, dict[str, Capacity | None]]:
    """By region, the hosts that were changed, or whose machines or volumes were, with the room that they have now."""
    whole = replace(fleet, reserved={}) if fleet.reserved else fleet
    found: dict[str, dict[str, Capacity | None]] = {}
    for name in fleet.touched():
        host = fleet.hosts.get(name)
        if host is not None:
            found.setdefault(host.region, {})[name] = whole.free_on(host) if host.takes_work else None
    return found


def _size(effect: Placeable, machine: Machine, fleet: Fleet) -> Capacity:
    """What the effect takes on its target; a volume brings its machine along."""
    if isinstance(effect, RestoreVolume):
        return machine.asks + Capacity(disk_mb=effect.size_mb)
    if isinstance(effect, Migrate):
        disk = sum(fleet.volumes[v].size_mb for v in machine.volumes if v in fleet.volumes)
        return machine.asks + Capacity(disk_mb=disk)
    return machine.asks


def reserved(decisions: Iterable[tuple[object, tuple[Effect, ...]]], fleet: Fleet) -> Mapping[str, Capacity]:
    """What those decisions take, on top of what was taken before them, by host; the same mapping where nothing is."""
    placed_now = [e for _, effects in decisions for e in effects if isinstance(e, _PLACEABLE)]
    if not placed_now:
        return fleet.reserved
    taken = dict(fleet.reserved)
    for effect in placed_now:
        if effect.machine in fleet.machines:
            size = _size(effect, fleet.machines[effect.machine], fleet)
            taken[effect.target] = taken.get(effect.target, Capacity()) + size
    return taken
