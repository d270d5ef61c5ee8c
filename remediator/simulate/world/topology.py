"""Where hosts stand: rack, switch, PDU, region, provider; and who probes from where."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from remediator.engine.evidence.vantages import Vantage
from remediator.model.host import Capacity

ROOM = Capacity(8, 8192, 65536)
KERNELS, MODELS = ("6.1", "6.6"), ("a1", "b2")


@dataclass(frozen=True, slots=True)
class Place:
    """One host's place, and what it is made of."""

    name: str
    region: str
    rack: str
    switch: str
    pdu: str
    provider: str = "own"
    bmc: bool = True
    capacity: Capacity = ROOM
    version: str = "1.0"
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topology:
    """Every host, and the host that each vantage lives on; names of groups are unique over the fleet."""

    places: dict[str, Place]
    vantages: dict[str, str]

    def members(self, target: str) -> tuple[str, ...]:
        """The hosts that a target means: a host, ``rack:r1``, ``region:arn``, ``all`` …; none if it is unknown."""
        if target == "all":
            return tuple(self.places)
        kind, _, name = target.rpartition(":")
        if not kind:
            return (target,) if target in self.places else ()
        if kind == "vantage":
            return (self.vantages[name],) if name in self.vantages else ()
        if kind not in GROUPS:
            return ()
        return tuple(place.name for place in self.places.values() if label(place, kind) == name)

    def names(self) -> Iterator[str]:
        """Everything that a target may be called."""
        yield from self.places
        yield from (f"vantage:{name}" for name in self.vantages)
        yield "all"
        yield from sorted({f"{kind}:{label(place, kind)}" for place in self.places.values() for kind in GROUPS})

    def seat(self, vantage: str) -> Vantage:
        place = self.places[self.vantages[vantage]]
        return Vantage(vantage, place.region, place.rack)


GROUPS = ("rack", "switch", "pdu", "region", "provider", "kernel", "model", "version")


def label(place: Place, kind: str) -> str:
    """What a host shares with others under that kind of label."""
    return place.labels[kind] if kind in place.labels else str(getattr(place, kind, ""))


def placed(regions: dict[str, dict[str, list[str]]], *, bmc: bool = True, version: str = "1.0") -> Topology:
    """Region, rack, hosts; each rack has a switch and a PDU of its own, and a vantage on its first host."""
    places = {
        host: _place(host, region, rack, number, bmc=bmc, version=version)
        for region, racks in regions.items()
        for rack, hosts in racks.items()
        for number, host in enumerate(hosts)
    }
    return Topology(places, dict(_vantages(places.values())))


def grid(regions: int, racks: int, hosts: int, *, bmc: bool = True) -> Topology:
    """So many regions of so many racks of so many hosts: ``a1-3`` is the third host of region a's first rack."""
    letters = [chr(ord("a") + number) for number in range(regions)]
    return placed(
        {
            letter: {
                f"{letter}{rack}": [f"{letter}{rack}-{number}" for number in range(1, hosts + 1)]
                for rack in range(1, racks + 1)
            }
            for letter in letters
        },
        bmc=bmc,
    )


def _place(host: str, region: str, rack: str, number: int, *, bmc: bool, version: str) -> Place:
    labels = {
        "kernel": KERNELS[number % 2],
        "model": MODELS[len(rack) % 2],
        "switch": f"sw-{rack}",
        "pdu": f"pdu-{rack}",
    }
    return Place(host, region, rack, f"sw-{rack}", f"pdu-{rack}", bmc=bmc, version=version, labels=labels)


def _vantages(places: Iterable[Place]) -> Iterator[tuple[str, str]]:
    """One on the first host of each rack, and a second one on its third where there is one."""
    seen: dict[str, int] = {}
    for place in places:
        seen[place.rack] = seen.get(place.rack, 0) + 1
        if seen[place.rack] == 1:
            yield f"p-{place.rack}", place.name
