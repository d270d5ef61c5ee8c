"""Direct evidence as it comes in: heartbeats, probe votes, power readings, claims; ages by our own receive time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.engine.evidence.weights import VantageHealth
from remediator.model.evidence import Claim, Outcome, Sighting, Vote

# A vantage counts as live this long after its last report.
VANTAGE_LIFE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Power:
    """One reading of a host's power state: on, off, or unknown."""

    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reporter:
    """A vantage, when it last reported, and what it said of itself."""

    vantage: Vantage
    at: datetime
    health: VantageHealth


@dataclass(frozen=True, slots=True)
class ToldBefore:
    """Heartbeats by host, votes by host and vantage, and the vantages themselves."""

    heartbeats: Mapping[str, datetime]
    votes: Mapping[str, Mapping[str, Vote]]
    reporters: Mapping[str, Reporter]


class Evidence:
    """The newest word of every witness; it forgets nothing until it is replaced.

    ``stirred`` names the hosts of which something was heard that may change a verdict: more of the same, in time,
    is not among it. Whoever judges them takes them out. ``weights`` are the vantages', 1 where none is named.
    """

    def __init__(self, times: EvidenceTimes | None = None) -> None:
        self._times = times or EvidenceTimes()
        self._heartbeats: dict[str, datetime] = {}
        self._connected: set[str] = set()
        # The same, for whoever asks; until it changes.
        self._told: frozenset[str] | None = None
        self._votes: defaultdict[str, dict[str, Vote]] = defaultdict(dict)
        self._reporters: dict[str, Reporter] = {}
        self._power: dict[str, Power] = {}
        self._claims: defaultdict[str, dict[str, tuple[Claim, ...]]] = defaultdict(dict)
        self.weights: Mapping[str, float] = {}
        self.stirred: set[str] = set()

    def forget(self) -> None:
        """Begin anew: after a pause of ours nothing we hold is evidence any more."""
        self._votes.clear()
        self._heartbeats.clear()
        self._power.clear()
        self._claims.clear()

    def told(self) -> "ToldBefore":
        """What others saw and told us; who is connected to us is not among it."""
        return ToldBefore(self._heartbeats, self._votes, self._reporters)

    def take_over(self, told: "ToldBefore") -> None:
        """What was told to this very process before."""
        self._heartbeats |= told.heartbeats
        self._reporters |= told.reporters
        for host, votes in told.votes.items():
            self._votes[host] |= votes
        self.stirred |= self._votes.keys() | self._heartbeats.keys()

    def heard(self, host: str, now: datetime) -> None:
        before = self._heartbeats.get(host)
        if before is None or now - before >= self._times.heartbeat_life or host not in self._connected:
            self.stirred.add(host)
        self._heartbeats[host] = now
        if host not in self._connected:
            self._connected.add(host)
            self._told = None

    def hung_up(self, host: str) -> None:
        self._connected.discard(host)
        self._told = None
        self.stirred.add(host)

    def powered(self, host: str, state: str, now: datetime) -> None:
        before, heard = self._power.get(host), self._heartbeats.get(host)
        beats = heard is not None and now - heard < self._times.heartbeat_life
        if before is None or before.state != state or not beats:
            self.stirred.add(host)
        self._power[host] = Power(state, now)

    def claimed(self, host: str, by: str, claims: Iterable[Claim]) -> None:
        """All that this one says is wrong with the host; what was claimed before and is not any more is over."""
        before, told = self._claims[host].get(by, ()) if host in self._claims else (), tuple(claims)
        if [(each.kind, each.text) for each in before] != [(each.kind, each.text) for each in told]:
            self._claims[host][by] = told
            self.stirred.add(host)

    def voted(self, vantage: Vantage, host: str, outcome: Outcome, received: datetime) -> None:
        """One probe result; silence is dated from the start of its first silent probe, by our own clock."""
        before = self._votes[host].get(vantage.name)
        unbroken = (
            before is not None and before.received is not None and received - before.received < self._times.vote_life
        )
        if before is None or not unbroken or outcome is not before.outcome:
            self.stirred.add(host)
        asked = received - self._times.probe_timeout
        since = before.silent_since if before and unbroken and before.outcome is Outcome.SILENT else asked
        silent_since = since if outcome is Outcome.SILENT else None
        vote = Vote(vantage.name, vantage.region, vantage.rack, outcome, received, silent_since)
        self._votes[host][vantage.name] = vote

    def reported(self, vantage: Vantage, now: datetime, health: VantageHealth | None = None) -> None:
        self._reporters[vantage.name] = Reporter(vantage, now, health or VantageHealth())

    def reporters(self) -> Collection[Reporter]:
        """Every vantage that has ever reported to us."""
        return self._reporters.values()

    def vantages(self, now: datetime) -> list[Vantage]:
        """Those heard of within a minute."""
        return [each.vantage for each in self._reporters.values() if now - each.at <= VANTAGE_LIFE]

    def reporting(self, now: datetime) -> int:
        return sum(1 for each in self._reporters.values() if now - each.at <= timedelta(seconds=3))

    def connected(self) -> frozenset[str]:
        if self._told is None:
            self._told = frozenset(self._connected)
        return self._told

    def sightings(self, assignment: Mapping[str, tuple[Vantage, ...]]) -> dict[str, Sighting]:
        """What is known of each host; a vantage that never reported on it is a vote without an outcome."""
        return {host: self.sighting(host, vantages) for host, vantages in assignment.items()}

    def sighting(self, host: str, vantages: Iterable[Vantage]) -> Sighting:
        """What is known of one host."""
        heard = self._votes.get(host, {})
        votes = tuple(self._weighed(heard.get(each.name), each) for each in vantages)
        power = self._power.get(host)
        claims = self._claims.get(host)
        return Sighting(
            host,
            votes,
            self._heartbeats.get(host),
            host in self._connected,
            power.state if power else "",
            power.at if power else None,
            tuple(claim for told in claims.values() for claim in told) if claims else (),
        )

    def _weighed(self, vote: Vote | None, vantage: Vantage) -> Vote:
        vote = vote or Vote(vantage.name, vantage.region, vantage.rack, None, None)
        weight = self.weights.get(vantage.name, 1.0)
        return vote if weight == vote.weight else replace(vote, weight=weight)
