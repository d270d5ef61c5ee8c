"""Which vantages probe which host: two or more in other racks, one in its own."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from remediator.model.host import Host


@dataclass(frozen=True, slots=True)
class Vantage:
    """A prober's place; one that is not ``live`` is enrolled and has not reported for a while."""

    name: str
    region: str
    rack: str
    address: str = ""
    live: bool = True


def assigned(
    hosts: Iterable[Host], vantages: Iterable[Vantage], outside: int = 2
) -> Mapping[str, tuple[Vantage, ...]]:
    """Vantages by host; the choice among many is a stable hash, so that it moves little as vantages come and go."""
    places = sorted(vantages, key=lambda vantage: vantage.name)
    return {host.name: _for_host(host, places, outside) for host in hosts}


def _for_host(host: Host, places: list[Vantage], outside: int) -> tuple[Vantage, ...]:
    ranked = sorted(places, key=lambda vantage: (not vantage.live, _rank(host.name, vantage.name)))
    inside = [vantage for vantage in ranked if vantage.rack == host.rack][:1]
    others = [vantage for vantage in ranked if vantage.rack != host.rack]
    # One vantage of each rack first: two in the same rack are no two opinions.
    racks: dict[str, Vantage] = {}
    for vantage in others:
        racks.setdefault(vantage.rack, vantage)
    first = list(racks.values())
    rest = [vantage for vantage in others if vantage not in first]
    seats = sorted(first + rest, key=lambda vantage: not vantage.live)
    return tuple(inside + seats[:outside])


def _rank(host: str, vantage: str) -> bytes:
    return hashlib.blake2b(f"{host}/{vantage}".encode(), digest_size=8).digest()
