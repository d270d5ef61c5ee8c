"""The watch of a fleet in which most hosts are well and nobody speaks of them."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from remediator.clock import Clock
from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import QUIET, EvidenceTimes
from remediator.model.evidence import Claim, Outcome, Sighting, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.runtime.agents.watch import Watch
from remediator.runtime.ledger import Ledger
from remediator.sources.evidence import Evidence

# After so long without a change no age of anything heard can change a verdict any more …
SETTLED = timedelta(seconds=8)
# … and the host is judged this often, so that what is known of it stays fresh.
REFRESH = timedelta(seconds=1)


class TellingEvidence(Evidence):
    """The evidence, which also notes of whom something *new* was heard: the same once more is no news."""

    def __init__(self) -> None:
        super().__init__()
        self.news: set[str] = set()
        # Hosts of whom nobody speaks, for all is well with them; and those who are spoken of.
        self.quiet: set[str] = set()
        self.spoken: set[str] = set()
        self.at = datetime.min.replace(tzinfo=UTC)

    def connect(self, hosts: Iterable[str]) -> None:
        """All of them have a session, and are well."""
        self._connected |= set(hosts)
        self._told = None
        self.quiet |= self._connected

    def sighting(self, host: str, vantages: Iterable[Vantage]) -> Sighting:
        if host not in self.quiet:
            return super().sighting(host, vantages)
        votes = tuple(self._good(each) for each in vantages)
        return Sighting(host, votes, self.at, connected=True)

    def _good(self, vantage: Vantage) -> Vote:
        """What a vantage would have said last, had it been asked to speak of a host that is well."""
        reporter = self._reporters.get(vantage.name)
        at = reporter.at if reporter else None
        return Vote(vantage.name, vantage.region, vantage.rack, Outcome.OK if at else None, at)

    def calm(self, hosts: Collection[str]) -> None:
        self.quiet.update(hosts)
        self.spoken.difference_update(hosts)

    def _speaks(self, host: str) -> None:
        self.quiet.discard(host)
        self.spoken.add(host)

    def hung_up(self, host: str) -> None:
        self._speaks(host)
        super().hung_up(host)

    def heard(self, host: str, now: datetime) -> None:
        self._speaks(host)
        before = self._heartbeats.get(host)
        if host not in self._connected or before is None or now - before >= self._times.heartbeat_life:
            self.news.add(host)
        super().heard(host, now)

    def voted(self, vantage: Vantage, host: str, outcome: Outcome, received: datetime) -> None:
        self._speaks(host)
        before = self._votes[host].get(vantage.name)
        if before is None or before.outcome is not outcome:
            self.news.add(host)
        super().voted(vantage, host, outcome, received)

    def claimed(self, host: str, by: str, claims: Iterable[Claim]) -> None:
        told = tuple(claims)
        if told:
            self._speaks(host)
        before = self._claims[host].get(by, ()) if host in self._claims else ()
        if [each.kind for each in before] != [each.kind for each in told]:
            self.news.add(host)
        super().claimed(host, by, told)


class CalmWatch(Watch):
    """The real watch; hosts of whom the world no longer speaks are well until it does."""

    evidence: TellingEvidence

    def __init__(self, ledger: Ledger, evidence: Evidence, times: EvidenceTimes, clock: Clock) -> None:
        super().__init__(ledger, evidence, times, clock)
        self._judged_at: dict[str, datetime] = {}

    def began_long_ago(self, at: datetime) -> None:
        self._began = at

    def look(self) -> Fleet:
        """Judge as ever, but a host with whom nothing has changed for long only once a second."""
        now = self.evidence.at = self._clock.now()
        resting = {name for name in self._loud | self.evidence.stirred if self._rests(name, now)}
        self.evidence.stirred -= resting
        self._loud -= resting
        self.evidence.news.clear()
        fleet = super().look()
        self._loud |= resting
        judged = fleet.judged or frozenset()
        for name in judged & self.evidence.quiet:
            self._due.at(name, None)
        self._judged_at.update(dict.fromkeys(judged, now))
        return fleet

    def _rests(self, name: str, now: datetime) -> bool:
        if name in self.evidence.news:
            return False
        verdict, at = self._verdicts.get(name), self._judged_at.get(name)
        return verdict is not None and at is not None and now - verdict.since > SETTLED and now - at < REFRESH

    def of_kind(self, kind: str) -> frozenset[str]:
        """Hosts that are spoken of and have that verdict."""
        told = ((name, self._verdicts.get(name)) for name in self.evidence.spoken)
        return frozenset(name for name, verdict in told if verdict is not None and verdict.kind.value == kind)

    def calm(self, hosts: Collection[str]) -> None:
        """Nobody will speak of these: age says nothing of them."""
        self.evidence.calm(hosts)
        for name in hosts:
            self._due.at(name, None)

    def well(self, hosts: Iterable[str]) -> frozenset[str]:
        """Which of them are well by verdict and by row."""
        rows, verdicts = self._ledger.all(Host), self._verdicts
        return frozenset(
            name
            for name in hosts
            if name in rows
            and rows[name].life is Life.HEALTHY
            and rows[name].status is HostStatus.OK
            and name in verdicts
            and verdicts[name].kind in QUIET
        )
