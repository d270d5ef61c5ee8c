"""Whom each agent asks: the same few for as long as they are there, mostly in other racks of its region. PURE."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from remediator.model.host import Host, Life

# One in the own rack, and two elsewhere: a switch, or a rack, is never the majority of them.
PEERS, ELSEWHERE = 3, 2
# A peer that is lost for longer gives its place to another; those of a passing outage keep theirs.
LOST_FOR = timedelta(minutes=10)

Racks = Mapping[str, Mapping[str, list[str]]]


def racks_of(hosts: Iterable[Host], now: datetime) -> Racks:
    """Who may be asked, by region and rack."""
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for host in hosts:
        if _answers(host, now):
            found[host.region][host.rack].append(host.name)
    return found


def peers_of(host: Host, racks: Racks, now: datetime, hosts: Mapping[str, Host]) -> list[str]:
    """Its peers from now on: those it has and that may stay, then those that it ranks highest."""
    kept = [name for name in host.peers if (known := hosts.get(name)) and name != host.name and _answers(known, now)]
    near = [name for name in kept if hosts[name].rack == host.rack][: PEERS - ELSEWHERE]
    chosen = [*near, *(name for name in kept if hosts[name].rack != host.rack)][:PEERS]
    for name in _ranked(host, racks):
        if len(chosen) >= PEERS:
            break
        alike = sum(1 for each in chosen if hosts[each].rack == host.rack)
        if name not in chosen and (hosts[name].rack != host.rack or alike < PEERS - ELSEWHERE):
            chosen.append(name)
    return sorted(chosen)


def _ranked(host: Host, racks: Racks) -> list[str]:
    """One of each of the racks it ranks highest, its own last but for one; then of other regions."""
    mine = racks.get(host.region, {})
    order = sorted((rack for rack in mine if rack != host.rack), key=lambda rack: _score(host.name, rack))
    first = [name for rack in order[:ELSEWHERE] for name in _best(host, mine[rack])[:1]]
    near = _best(host, mine.get(host.rack, []))[:1]
    more = [name for rack in order[: PEERS + 1] for name in _best(host, mine[rack])[:PEERS]]
    if len({*first, *near, *more}) >= PEERS:
        return [*first, *near, *more]
    abroad = [name for region, held in sorted(racks.items()) if region != host.region for name in _any(host, held)]
    return [*first, *near, *more, *abroad[:PEERS]]


def _any(host: Host, racks: Mapping[str, list[str]]) -> list[str]:
    return [name for rack in sorted(racks)[: PEERS + 1] for name in _best(host, racks[rack])[:1]]


def _best(host: Host, names: list[str]) -> list[str]:
    return sorted((name for name in names if name != host.name), key=lambda name: _score(host.name, name))


def _answers(host: Host, now: datetime) -> bool:
    there = host.joined and bool(host.address) and host.agent_port > 0 and host.life is not Life.RETIRED
    lost = host.life is Life.DEAD and host.died_at is not None and now - host.died_at > LOST_FOR
    return there and not lost


def _score(host: str, other: str) -> bytes:
    """Each host ranks the others in an order of its own, that does not change as they come and go."""
    return hashlib.blake2b(f"{host}/{other}".encode(), digest_size=8).digest()
