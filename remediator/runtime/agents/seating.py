"""Who probes whom: kept as hosts and vantages come and go, and made anew only where something has changed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from remediator.engine.evidence.vantages import Places, Vantage, seats_of, wanting
from remediator.model.enrolment import Enrolment
from remediator.model.host import Host, Life
from remediator.model.incident import Incident, IncidentStage
from remediator.runtime.ledger import Ledger
from remediator.sources.evidence import VANTAGE_LIFE, Evidence, Reporter

# How often it is asked who may give up a seat; newcomers and other hosts are seen at once.
_EVERY = timedelta(seconds=1)
# A vantage leaves only after its own host has been dead for this long.
DEAD_FOR = timedelta(seconds=60)


class Seating:
    """Seats by host, and hosts by vantage; ``seats`` names those hosts only that are probed."""

    def __init__(self, ledger: Ledger, evidence: Evidence, began: datetime) -> None:
        self._ledger = ledger
        self._evidence = evidence
        self._began = began
        self._sequence = -1
        self._looked: datetime | None = None
        # How many had reported when the vantages were looked at; whoever has reported is never forgotten.
        self._heard = 0
        self._places = Places(())
        self._kept: frozenset[str] = frozenset()
        self._homes: tuple[Mapping[str, Host], Mapping[str, str]] = ({}, {})
        self._wanting: set[str] = set()
        self._targets: defaultdict[str, set[str]] = defaultdict(set)
        self.seats: dict[str, tuple[Vantage, ...]] = {}

    def refresh(self, now: datetime) -> set[str]:
        """Take up what has changed; the hosts that are new, gone, written anew, or probed by others now."""
        anew = self._anew(now)
        if not anew and self._sequence == self._ledger.sequence:
            return set()
        told = self._ledger.changed_since(self._sequence, (Host, Incident))
        self._sequence = told.number
        changed = set(told.rows["Host"])
        if anew or told.rows["Incident"]:
            changed |= self._others(now)
        if changed:
            # Whoever was given the seats of before keeps them as they were.
            self.seats = dict(self.seats)
        return {name for name in sorted(changed) if self._seat(name) or name in told.rows["Host"]}

    def targets(self, vantage: str) -> Collection[str]:
        """The hosts that this vantage is to probe."""
        return self._targets.get(vantage, ())

    def _anew(self, now: datetime) -> bool:
        """Whether it is time to look at the vantages again: a stepped clock is as good as a second."""
        strangers = len(self._evidence.reporters()) != self._heard
        due = self._looked is None or abs(now - self._looked) >= _EVERY
        if due or strangers:
            self._looked = now
        return due or strangers

    def _others(self, now: datetime) -> set[str]:
        """The hosts that others may have to probe, now that vantages came, went, or may leave."""
        self._heard = len(self._evidence.reporters())
        known = {each.name: each for each in self._known(now)}
        kept = self._touched(known.values())
        before = self._places.named
        if (known, kept) == (before, self._kept):
            return set()
        moved = [name for name in before.keys() | known.keys() if _place(before.get(name)) != _place(known.get(name))]
        freed = self._kept ^ kept
        self._places, self._kept = Places(known.values()), kept
        return self._wanting.union(*(self._targets.get(name, ()) for name in (*moved, *freed)))

    def _seat(self, name: str) -> bool:
        """Whether another set of vantages probes that host now."""
        host, before = self._ledger.get(Host, name), self.seats.get(name)
        probed = host is not None and host.joined and host.life is not Life.RETIRED
        after = seats_of(host, self._places, before or (), self._kept) if host and probed else None
        if host and after is not None and wanting(host, after):
            self._wanting.add(name)
        else:
            self._wanting.discard(name)
        return self._took(name, before, after)

    def _took(self, name: str, before: tuple[Vantage, ...] | None, after: tuple[Vantage, ...] | None) -> bool:
        for each in before or ():
            self._targets[each.name].discard(name)
        for each in after or ():
            self._targets[each.name].add(name)
        if after is None:
            self.seats.pop(name, None)
            return before is not None
        self.seats[name] = after
        return before is None or [each.name for each in before] != [each.name for each in after]

    def _known(self, now: datetime) -> Iterator[Vantage]:
        """Every vantage that is enrolled, or has reported."""
        reporters = {each.vantage.name: each for each in self._evidence.reporters()}
        enrolled = self._ledger.all(Enrolment).where("kind", "vantage")
        places = {each.name: Vantage(each.name, each.region, each.rack, each.address) for each in enrolled}
        hosts = self._ledger.all(Host)
        if hosts is not self._homes[0]:
            self._homes = (hosts, _homes(hosts))
        homes = self._homes[1]
        for name, place in (places | {name: each.vantage for name, each in reporters.items()}).items():
            host = name if self._ledger.get(Host, name) else homes.get(_server(place.address), "")
            live = name in reporters and now - reporters[name].at <= VANTAGE_LIFE
            leaves = self._leaves(host, reporters.get(name), now)
            yield Vantage(name, place.region, place.rack, "", live=live, host=host, leaves=leaves)

    def _leaves(self, host: str, reporter: Reporter | None, now: datetime) -> bool:
        """Whether its seats may go to others; of one whose server is none of ours only its silence tells."""
        known = self._ledger.get(Host, host)
        if known is None:
            return now - max(reporter.at if reporter else self._began, self._began) > DEAD_FOR
        # Where its vantages fell with it nobody calls it dead: that it is off, for as long, is as good.
        dead = known.life is Life.DEAD or (known.life is Life.SUSPECT and self._evidence.sighting(host, ()).off)
        return (dead and now - known.since >= DEAD_FOR) or known.life is Life.RETIRED

    def _touched(self, vantages: Iterable[Vantage]) -> frozenset[str]:
        """Vantages that an open incident touches: on one of its hosts, or under its label.

        One that is proved is open no more in this: its vantages are off for sure, and others are needed.
        """
        incidents = [each for each in self._ledger.all(Incident).values() if each.open and not _is_proved(each)]
        return frozenset(v.name for v in vantages if any(_touches(each, v) for each in incidents))


def _place(vantage: Vantage | None) -> tuple[object, ...]:
    """What of a vantage says whom it may probe; whether it was heard of lately matters to those that want one."""
    return (vantage.where, vantage.host, vantage.leaves) if vantage else ()


def _is_proved(incident: Incident) -> bool:
    released = incident.stage is IncidentStage.RELEASED and not incident.moved_by
    return released or incident.stage is IncidentStage.PROVED_DOWN


def _touches(incident: Incident, vantage: Vantage) -> bool:
    places = {"rack": (vantage.rack, f"{vantage.region}/{vantage.rack}"), "region": (vantage.region,)}
    return vantage.host in incident.hosts or incident.value in places.get(incident.label, ())


def _homes(hosts: Mapping[str, Host]) -> dict[str, str]:
    """The host at each address; addresses that many share, and loopback, say nothing."""
    named: defaultdict[str, list[str]] = defaultdict(list)
    for host in hosts.values():
        if host.address and not host.address.startswith(("127.", "::1")):
            named[host.address].append(host.name)
    return {address: names[0] for address, names in named.items() if len(names) == 1}


def _server(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")
