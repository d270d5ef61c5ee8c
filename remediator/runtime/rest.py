"""When a round would come out as the last one did: nothing that it reads has changed, and no span has run out.

A round that changed nothing is not repeated four times a second. Acts come of whole rounds alone, which read all of
it anew; what is forgotten here could make one a little late, and never wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Protocol

from remediator.engine.coming import Spans, next_change
from remediator.engine.evidence.suspect_time import FLAPPING_FROM
from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.model.evidence import Sighting, Verdict, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.layered import Layered
from remediator.model.policy import Correlated

# Nobody rests longer than this, whatever is known of what comes.
LONGEST = timedelta(seconds=5)
# What each look brings anew is told apart by the watch; of alerts and of the gate by what of them matters.
_ELSEWHERE = frozenset({"sightings", "verdicts", "judged", "alerts", "gate", "views", "reserved"})
_READ = tuple(each.name for each in fields(Fleet) if each.name not in _ELSEWHERE)


class Ruled(Protocol):
    """What decides, as far as it says when."""

    @property
    def spans(self) -> Spans: ...

    @property
    def correlated(self) -> Correlated | None: ...


@dataclass(frozen=True, slots=True)
class _Last:
    """What the last whole round read, and until when it stands."""

    fleet: Fleet
    alerts: tuple[object, ...]
    rules: Ruled
    until: datetime


class Rest:
    """Remembers the last whole round, if it changed nothing."""

    def __init__(self, longest: timedelta = LONGEST) -> None:
        self._longest = longest
        self._last: _Last | None = None

    def over(self) -> None:
        self._last = None

    def begins(self, fleet: Fleet, rules: Ruled, until: datetime, now: datetime) -> None:
        """A whole round has changed nothing; it is repeated at ``until`` in any case."""
        coming = next_change(rules.spans, rules.correlated, fleet, now)
        soonest = min(until, now + self._longest, coming or until)
        self._last = _Last(fleet, tuple(_told(fleet)), rules, soonest)

    def lasts(self, fleet: Fleet, rules: Ruled, now: datetime) -> bool:
        """Whether the last round would be repeated word for word."""
        last = self._last
        if last is None or not last.until > now or last.rules is not rules:
            return False
        same = all(_same(getattr(last.fleet, name), getattr(fleet, name)) for name in _READ)
        return same and last.alerts == tuple(_told(fleet))


def _same(before: object, now: object) -> bool:
    return before is now or (not isinstance(now, Layered) and before == now)


def _told(fleet: Fleet) -> Iterator[object]:
    """Of the gate and of alerts what is read: that they stand, since when, and whether seen in our own term."""
    yield fleet.gate is not None and fleet.gate.open
    for alert in fleet.alerts:
        if alert.actionable:
            seen = fleet.term_began is None or (alert.last_seen or alert.active_at) >= fleet.term_began
            yield alert.fingerprint, alert.playbook, alert.active_at, alert.source, seen


def salient(sighting: Sighting, verdict: Verdict) -> tuple[object, ...]:
    """What of a host's evidence a round reads, but for its age; of one in doubt only that it is, for nobody asks
    about it yet."""
    what = (verdict.kind, verdict.since, verdict.suspect_since, verdict.suspect_share >= FLAPPING_FROM)
    told = (*what, sighting.connected, sighting.power, sighting.claims)
    if verdict.kind is VerdictKind.SUSPECT:
        return told
    votes = (verdict.silent, verdict.assigned, verdict.outside_rack, verdict.silent_weight, verdict.newest is None)
    return (*told, *votes, verdict.weights)


def fresh(sighting: Sighting, times: EvidenceTimes, now: datetime) -> tuple[object, ...]:
    """Which vantages spoke of it just now: that tells a partition from a death of all."""
    votes = sighting.votes
    return tuple(each.vantage for each in votes if each.received and now - each.received < times.vote_life)
