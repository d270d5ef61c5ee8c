"""Which vantages probe which host: two or more in other racks, one in its own; nobody judges itself."""

import hashlib
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from remediator.model.host import Host

OUTSIDE = 2
# Points of each rack on the ring: enough that hosts spread evenly.
_POINTS = 32

Seats = Mapping[str, tuple["Vantage", ...]]
_Rack = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Vantage:
    """A prober's place; ``host`` is the server that it runs on, if that is one of ours.

    One that is not ``live`` was not heard of lately; one that ``leaves`` gives its seats to others: its own host has
    been dead for a minute.
    """

    name: str
    region: str
    rack: str
    address: str = ""
    live: bool = True
    host: str = ""
    leaves: bool = False

    @property
    def where(self) -> _Rack:
        return self.region, self.rack


class Ring:
    """Vantages by rack; each host walks through the racks in an order of its own, stable as they come and go."""

    def __init__(self, vantages: Iterable[Vantage]) -> None:
        self._racks: dict[_Rack, list[Vantage]] = {}
        for each in sorted(vantages, key=lambda each: each.name):
            self._racks.setdefault(each.where, []).append(each)
        ring = sorted((_mark("/".join((*rack, str(n)))), rack) for rack in self._racks for n in range(_POINTS))
        self._marks = [mark for mark, _ in ring]
        self._ring = [rack for _, rack in ring]

    def inside(self, host: Host) -> Iterator[Vantage]:
        """Those of the host's own rack, whoever is not on the host itself."""
        return self._of((host.region, host.rack), host)

    def outside(self, host: Host) -> Iterator[Vantage]:
        """One of each other rack, and only then a second one of any."""
        firsts = []
        for rack in self._walk(host):
            for first in islice(self._of(rack, host), 1):
                firsts.append(first.name)
                yield first
        for rack in self._walk(host):
            yield from (each for each in self._of(rack, host) if each.name not in firsts)

    def _of(self, rack: _Rack, host: Host) -> Iterator[Vantage]:
        here = self._racks.get(rack, [])
        start = _mark(host.name) % len(here) if len(here) > 1 else 0
        return (each for each in chain(here[start:], here[:start]) if each.host != host.name)

    def _walk(self, host: Host) -> Iterator[_Rack]:
        """Every other rack once, from the host's own place on the ring on."""
        start, seen = bisect(self._marks, _mark(host.name)), {(host.region, host.rack)}
        for rack in chain(islice(self._ring, start, None), islice(self._ring, start)):
            if rack not in seen:
                seen.add(rack)
                yield rack


class Places:
    """All vantages there are: one that was not heard of takes a seat only where no other can."""

    def __init__(self, vantages: Iterable[Vantage]) -> None:
        self.named = {each.name: each for each in vantages}
        self._live = Ring(each for each in self.named.values() if each.live)
        self._others = Ring(each for each in self.named.values() if not each.live)

    def inside(self, host: Host) -> Iterator[Vantage]:
        """Whoever may watch from the host's own rack, the best first."""
        return chain(self._live.inside(host), self._others.inside(host))

    def outside(self, host: Host) -> Iterator[Vantage]:
        """Whoever may watch from elsewhere, the best first."""
        return chain(self._live.outside(host), self._others.outside(host))


def assigned(hosts: Iterable[Host], vantages: Iterable[Vantage]) -> dict[str, tuple[Vantage, ...]]:
    """Vantages by host, as if nobody had been assigned before."""
    places = Places(vantages)
    return {host.name: seats_of(host, places) for host in hosts}


def seats_of(
    host: Host, places: Places, held: tuple[Vantage, ...] = (), kept: frozenset[str] = frozenset()
) -> tuple[Vantage, ...]:
    """Who probes a host from now on.

    Whoever holds a seat keeps it: it leaves only in the step in which another, live one takes its place, and never
    if it is one of ``kept``, which an open incident touches. What is missing is filled.
    """
    seated = [places.named[each.name] for each in held if each.name in places.named]
    seated = [each for each in seated if each.host != host.name]
    leaving = [each for each in seated if each.leaves and each.name not in kept]
    inside = _filled(_side(seated, host, inside=True), leaving, places.inside(host), 1)
    outside = _filled(_side(seated, host, inside=False), leaving, places.outside(host), OUTSIDE)
    if len({each.where for each in outside}) < OUTSIDE <= len(outside):
        outside += _of_another_rack(outside, places.outside(host))
    return tuple(inside + outside)


def _side(seated: list[Vantage], host: Host, *, inside: bool) -> list[Vantage]:
    return [each for each in seated if (each.where == (host.region, host.rack)) is inside]


def _filled(seated: list[Vantage], leaving: list[Vantage], free: Iterator[Vantage], fewest: int) -> list[Vantage]:
    """One side's seats: up to the fewest there must be; then each that leaves is replaced by a live one, or stays."""
    gone = [each for each in seated if each in leaving]
    wanted = len(gone) + max(0, fewest - len(seated))
    if not wanted:
        return seated
    taken = {each.name for each in seated}
    newcomers = list(islice((each for each in free if each.name not in taken), wanted))
    missing = max(0, fewest - len(seated))
    # Empty seats first: one that is gone goes on being counted until there are enough without it.
    joining, others = newcomers[:missing], iter([each for each in newcomers[missing:] if each.live])
    return [next(others, each) if each in gone else each for each in seated] + joining


def _of_another_rack(outside: list[Vantage], free: Iterator[Vantage]) -> list[Vantage]:
    """Two in the same rack are no two opinions: one more joins them as soon as there is one."""
    known = {each.where for each in outside}
    return list(islice((each for each in free if each.live and each.where not in known), 1))


def _mark(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def wanting(host: Host, seats: tuple[Vantage, ...]) -> bool:
    """Whether others, should they come, would change who probes this host."""
    outside = {each.where for each in seats if each.where != (host.region, host.rack)}
    return len(outside) < OUTSIDE or len(outside) == len(seats) or any(each.leaves for each in seats)
