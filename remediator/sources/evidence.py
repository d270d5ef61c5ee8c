"""Direct evidence as it comes in: heartbeats, probe votes, power readings; ages by our own receive time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from remediator.engine.vantages import Vantage
from remediator.model.evidence import Outcome, Sighting, Vote

# A vantage stays in the denominators this long after its last report.
VANTAGE_LIFE = timedelta(seconds=60)
# Two silent results further apart than this are no unbroken silence.
UNBROKEN = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Power:
    """One reading of a host's power state: on, off, or unknown."""

    state: str
    at: datetime


class Evidence:
    """The newest word of every witness; it forgets nothing until it is replaced."""

    def __init__(self) -> None:
        self._heartbeats: dict[str, datetime] = {}
        self._connected: set[str] = set()
        self._votes: dict[tuple[str, str], Vote] = {}
        self._vantages: dict[str, tuple[Vantage, datetime]] = {}
        self._power: dict[str, Power] = {}

    def forget(self) -> None:
        """Begin anew: after a pause of ours nothing we hold is evidence any more."""
        self._votes.clear()
        self._heartbeats.clear()
        self._power.clear()

    def heard(self, host: str, now: datetime) -> None:
        self._heartbeats[host] = now
        self._connected.add(host)

    def hung_up(self, host: str) -> None:
        self._connected.discard(host)

    def powered(self, host: str, state: str, now: datetime) -> None:
        self._power[host] = Power(state, now)

    def voted(self, vantage: Vantage, host: str, outcome: Outcome, received: datetime) -> None:
        """One probe result; silence is dated from its first silent probe."""
        before = self._votes.get((host, vantage.name))
        unbroken = before is not None and before.received is not None and received - before.received < UNBROKEN
        since = before.silent_since if before and unbroken and before.outcome is Outcome.SILENT else received
        silent_since = since if outcome is Outcome.SILENT else None
        vote = Vote(vantage.name, vantage.region, vantage.rack, outcome, received, silent_since)
        self._votes[host, vantage.name] = vote

    def reported(self, vantage: Vantage, now: datetime) -> None:
        self._vantages[vantage.name] = (vantage, now)

    def vantages(self, now: datetime) -> list[Vantage]:
        """Those that may be assigned: heard of within a minute."""
        return [vantage for vantage, at in self._vantages.values() if now - at <= VANTAGE_LIFE]

    def reporting(self, now: datetime) -> int:
        return sum(1 for _, at in self._vantages.values() if now - at <= timedelta(seconds=3))

    def connected(self) -> frozenset[str]:
        return frozenset(self._connected)

    def sightings(self, assignment: Mapping[str, tuple[Vantage, ...]]) -> dict[str, Sighting]:
        """What is known of each host; a vantage that never reported on it is a vote without an outcome."""
        return {host: self._sighting(host, vantages) for host, vantages in assignment.items()}

    def _sighting(self, host: str, vantages: tuple[Vantage, ...]) -> Sighting:
        blank = [Vote(vantage.name, vantage.region, vantage.rack, None, None) for vantage in vantages]
        votes = tuple(self._votes.get((host, vote.vantage), vote) for vote in blank)
        seen = Sighting(host, votes, self._heartbeats.get(host), host in self._connected)
        power = self._power.get(host)
        return replace(seen, power=power.state, power_at=power.at) if power else seen
