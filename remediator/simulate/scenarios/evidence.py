"""What probers and agents would say of each host, from what happened to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from remediator.engine.evidence.vantages import Vantage, assigned
from remediator.model.evidence import Outcome, Sighting, Vote
from remediator.model.host import Host, Life


class Condition(StrEnum):
    """A host as the world has it, which is not what anybody knows of it."""

    WELL = "well"
    POWER_OFF = "power_off"
    SILENT = "silent"
    CUT_OFF = "cut_off"
    AGENT_GONE = "agent_gone"


_ANSWERS = {
    Condition.WELL: Outcome.OK,
    Condition.POWER_OFF: Outcome.SILENT,
    Condition.SILENT: Outcome.SILENT,
    Condition.CUT_OFF: Outcome.SILENT,
    Condition.AGENT_GONE: Outcome.REFUSED,
}
_BEATS = frozenset({Condition.WELL, Condition.CUT_OFF})


@dataclass(frozen=True, slots=True)
class Happened:
    """A host's condition and since when."""

    condition: Condition
    since: datetime


class Sightings:
    """The evidence of a whole fleet; what was heard before ``term_began`` is forgotten."""

    def __init__(self, vantages: list[Vantage], start: datetime) -> None:
        self._vantages = vantages
        self._happened: dict[str, Happened] = {}
        self._start = start
        self._seats: dict[tuple[str, ...], Mapping[str, tuple[Vantage, ...]]] = {}

    def happens(self, host: str, condition: Condition, now: datetime) -> None:
        self._happened[host] = Happened(condition, now)

    def is_well(self, host: str) -> bool:
        """Whether its agent can be told anything, and does it."""
        return self._of(host).condition is Condition.WELL

    def at(self, hosts: Iterable[Host], term_began: datetime, now: datetime) -> dict[str, Sighting]:
        """A sighting of each host that is probed: every assigned vantage has answered this very moment."""
        probed = [host for host in hosts if host.joined and host.life is not Life.RETIRED]
        names = tuple(host.name for host in probed)
        # Who probes whom hangs on names and racks alone, and those do not change while a host is there.
        seats = self._seats.get(names) or self._seats.setdefault(names, assigned(probed, self._vantages))
        return {host.name: self._sighting(host.name, seats[host.name], term_began, now) for host in probed}

    def _sighting(self, name: str, seats: tuple[Vantage, ...], term_began: datetime, now: datetime) -> Sighting:
        known = self._of(name)
        outcome = _ANSWERS[known.condition]
        since = max(known.since, term_began) if outcome is Outcome.SILENT else None
        votes = tuple(Vote(each.name, each.region, each.rack, outcome, now, since) for each in seats)
        beat = now if known.condition in _BEATS else known.since if known.since >= term_began else None
        off = known.condition is Condition.POWER_OFF and now > known.since
        connected = known.condition is Condition.WELL
        return Sighting(name, votes, beat, connected, "off" if off else "on", now)

    def _of(self, host: str) -> Happened:
        return self._happened.get(host, Happened(Condition.WELL, self._start))
