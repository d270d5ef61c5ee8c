"""Correlation: many suspects under one label are one incident, not many dead hosts. PURE.

A label's suspects are counted in windows from 30 s to an hour. They are an incident when there are ``at_least`` so
many and more than the 99.9 % quantile of what the fleet's own base rate brings to a label of that size (Poisson).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from remediator.engine.index import Index
from remediator.model.elsewhere import Key as Key
from remediator.model.fleet import Fleet
from remediator.model.grouping import Tallied
from remediator.model.host import Fence, Host, Life
from remediator.model.policy import Correlated
from remediator.model.suspicion import BaseRate

QUANTILE = 0.999
# In longer windows blips do not count.
SHORT = timedelta(seconds=30)
# Four fifths of a group off are proof for all of it.
PROOF = 0.8
# These names are given in each region anew.
LOCAL = frozenset({"rack", "switch", "pdu"})
_OWN = frozenset({"rack", "region", "provider", "role"})
_PLACES = frozenset({"rack", "switch", "pdu", "region", "provider"})
# From here on the normal distribution is as good, and exp() would be 0.
_MANY = 500.0
_SIGMAS = 3.0902

# Of a fleet that nothing is known of.
UNKNOWN = BaseRate(datetime(2000, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Doubt:
    """One suspicion; ``lasts`` while it has not cleared, ``blip`` if it cleared at once."""

    began: datetime
    host: str
    lasts: bool = True
    blip: bool = False


@dataclass(frozen=True, slots=True)
class Cohort:
    """Suspects of one label within a window: ``count`` of ``size`` hosts, where the quantile is ``expected``."""

    key: Key
    hosts: tuple[str, ...]
    count: int
    size: int
    window: timedelta
    expected: int
    at_least: int

    @property
    def incident(self) -> bool:
        return self.count >= self.at_least and self.count > self.expected

    @property
    def share(self) -> float:
        return self.count / max(1, self.size)


def label_of(host: Host, label: str) -> str:
    """A host's value of a label, empty where it has none."""
    if label in _OWN:
        return str(getattr(host, label))
    return host.version if label == "agent_version" else host.labels.get(label, "")


def key_of(host: Host, label: str) -> Key | None:
    value = label_of(host, label)
    return (label, host.region if label in LOCAL else "", value) if value else None


def quantile(mean: float, level: float = QUANTILE) -> int:
    """The smallest count that a Poisson variable of that mean exceeds with no more than 1 - level."""
    if mean > _MANY:
        return math.ceil(mean + _SIGMAS * math.sqrt(mean))
    chance = total = math.exp(-mean)
    count = 0
    while total < level:
        count += 1
        chance *= mean / count
        total += chance
    return count


def rate_of(fleet: Fleet, window: timedelta) -> float:
    """Suspicions a host and second, as this fleet has them; blips included in the short window only."""
    known = fleet.base_rates.get("fleet") or UNKNOWN
    return known.per_host_second(blips=window <= SHORT)


def cohort(index: Index, rule: Correlated, key: Key, besides: frozenset[str] = frozenset()) -> Cohort | None:
    """The label's suspects in the window in which they exceed most; None while there are too few to ask."""
    suspects = doubts_under(index, rule, key)
    if len(suspects) < rule.at_least:
        return None
    others = [each for each in index.fleet.elsewhere if not each.stale]
    size = sizes(index, key[0])[key] + sum(each.sizes.get(key, 0) for each in others)
    if key[0] not in _PLACES and 2 * size > len(index.fleet.hosts) + sum(each.hosts for each in others):
        # What most hosts share explains nothing of a few.
        return None
    doubts = [doubt for doubt in suspects if doubt.host not in besides]
    if len({doubt.host for doubt in doubts}) < rule.at_least:
        return None
    found = [_in_window(index, rule, key, doubts, size, window) for window in rule.within]
    return max(found, key=lambda each: (each.incident, each.count - each.expected, each.count))


def sizes(index: Index, label: str) -> Counter[Key]:
    """How many hosts each value of a label has."""
    known = index.fleet.views.sizes
    if label not in known:
        known[label] = Tallied(lambda host: key_of(host, label))
    return known[label].of(index.fleet.hosts)


def doubts_under(index: Index, rule: Correlated, key: Key) -> list[Doubt]:
    """Every suspicion under a label, oldest first."""
    found = index.kept(("doubts", rule.by), lambda: _sorted_by_label(index, rule.by)).get(key, [])
    extra = index.also
    if extra is None or key_of(extra, key[0]) != key:
        return found
    others = [doubt for doubt in found if doubt.host != extra.name]
    return sorted([*others, Doubt(extra.since, extra.name)], key=lambda doubt: doubt.began)


def _in_window(index: Index, rule: Correlated, key: Key, doubts: list[Doubt], size: int, window: timedelta) -> Cohort:
    counted = [doubt for doubt in doubts if doubt.lasts or _counts(doubt, window, index.now)]
    if index.also is not None:
        # Only who falls with it matters to one host more.
        counted = [doubt for doubt in counted if abs(index.also.since - doubt.began) <= window]
    expected = index.kept(("expected", size, window), lambda: _expected(index.fleet, size, window))
    if len(counted) <= expected or len(counted) < rule.at_least:
        # All of them together would be too few.
        return Cohort(key, (), len({doubt.host for doubt in counted}), size, window, expected, rule.at_least)
    hosts = _most_together(counted, window)
    here = index.fleet.hosts if index.fleet.elsewhere else hosts
    lasting = {doubt.host for doubt in counted if doubt.lasts and doubt.host in hosts}
    standing = tuple(sorted(name for name in lasting if name in here))
    return Cohort(key, standing, len(hosts), size, window, expected, rule.at_least)


def _expected(fleet: Fleet, size: int, window: timedelta) -> int:
    return quantile(size * window.total_seconds() * rate_of(fleet, window))


def _counts(doubt: Doubt, window: timedelta, now: datetime) -> bool:
    """What has cleared counts while it is in the window, and a blip in the short one only."""
    return now - doubt.began <= window and (window <= SHORT or not doubt.blip)


def _most_together(doubts: list[Doubt], window: timedelta) -> frozenset[str]:
    """The largest set of hosts whose suspicions began within one window of each other; the newest of equals."""
    inside: Counter[str] = Counter()
    first = most = 0
    best = (0, 0)
    for last, doubt in enumerate(doubts):
        inside[doubt.host] += 1
        while doubt.began - doubts[first].began > window:
            inside[doubts[first].host] -= 1
            if not inside[doubts[first].host]:
                del inside[doubts[first].host]
            first += 1
        if len(inside) >= most:
            most, best = len(inside), (first, last + 1)
    return frozenset(doubt.host for doubt in doubts[slice(*best)])


def _sorted_by_label(index: Index, labels: Iterable[str]) -> Mapping[Key, list[Doubt]]:
    found: defaultdict[Key, list[Doubt]] = defaultdict(list)
    for doubt in sorted(all_doubts(index), key=_beginning):
        host = index.fleet.hosts[doubt.host]
        for label in labels:
            key = key_of(host, label)
            if key:
                found[key].append(doubt)
    for shard in index.fleet.elsewhere:
        for told in shard.doubts:
            found[told.key].append(Doubt(told.began, told.host, lasts=told.lasts, blip=told.blip))
    return {key: sorted(each, key=_beginning) for key, each in found.items()} if index.fleet.elsewhere else found


def _beginning(doubt: Doubt) -> tuple[datetime, str]:
    return doubt.began, doubt.host


def all_doubts(index: Index) -> Iterator[Doubt]:
    """What stands now and what cleared within the hour; what an incident of the past explained is left out."""
    over = index.explained
    for name, since in index.doubted.items():
        if name not in over or since > over[name]:
            yield Doubt(since, name)
    for name, suspicion in index.fleet.suspicions.items():
        for spell in suspicion.spells if name in index.fleet.hosts else ():
            if spell.ended is not None and (name not in over or spell.began > over[name]):
                yield Doubt(spell.began, name, lasts=False, blip=spell.blip)


def proved_down(hosts: Iterable[Host], fleet: Fleet) -> bool:
    """Proof for a group: four fifths of it are proved to be off; whoever's power is not known counts as on."""
    fences = [is_off(host, fleet) for host in hosts]
    return bool(fences) and sum(fences) >= PROOF * len(fences)


def is_off(host: Host, fleet: Fleet) -> bool:
    """Proved, or read of one in doubt: where vantages fell with it, nobody is left to call it dead."""
    sighting = fleet.sightings.get(host.name)
    return host.fence is Fence.PROVED or (host.life is Life.SUSPECT and sighting is not None and sighting.off)
