"""The watch of a fleet in which most hosts are well and nobody speaks of them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from remediator.engine.vantages import Vantage
from remediator.engine.verdicts import QUIET
from remediator.model.evidence import Claim, Outcome, Sighting, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.runtime.watch import Watch
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
        # Hosts of whom nobody speaks, for all is well with them.
        self.quiet: set[str] = set()
        self.at = datetime.min.replace(tzinfo=UTC)

    def connect(self, hosts: Iterable[str]) -> None:
        """All of them have a session, and are well."""
        self._connected |= set(hosts)
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

    def hung_up(self, host: str) -> None:
        self.quiet.discard(host)
        super().hung_up(host)

    def heard(self, host: str, now: datetime) -> None:
        self.quiet.discard(host)
        before = self._heartbeats.get(host)
        if host not in self._connected or before is None or now - before >= self._times.heartbeat_life:
            self.news.add(host)
        super().heard(host, now)

    def voted(self, vantage: Vantage, host: str, outcome: Outcome, received: datetime) -> None:
        self.quiet.discard(host)
        before = self._votes[host].get(vantage.name)
        if before is None or before.outcome is not outcome:
            self.news.add(host)
        super().voted(vantage, host, outcome, received)

    def claimed(self, host: str, by: str, claims: Iterable[Claim]) -> None:
        told = tuple(claims)
        if told:
            self.quiet.discard(host)
        before = self._claims[host].get(by, ()) if host in self._claims else ()
        if [each.kind for each in before] != [each.kind for each in told]:
            self.news.add(host)
        super().claimed(host, by, told)


class CalmWatch(Watch):
    """The real watch; hosts of whom the world no longer speaks are well until it does."""

    evidence: TellingEvidence

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
        self._judged_at: dict[str, datetime] = {**self._last(), **dict.fromkeys(judged, now)}
        return fleet

    def _last(self) -> dict[str, datetime]:
        return getattr(self, "_judged_at", {})

    def _rests(self, name: str, now: datetime) -> bool:
        if name in self.evidence.news:
            return False
        verdict, at = self._verdicts.get(name), self._last().get(name)
        return verdict is not None and at is not None and now - verdict.since > SETTLED and now - at < REFRESH

    def of_kind(self, kind: str) -> frozenset[str]:
        """Hosts that are spoken of and have that verdict."""
        spoken = set(self._verdicts) - self.evidence.quiet
        return frozenset(name for name in spoken if self._verdicts[name].kind.value == kind)

    def calm(self, hosts: Iterable[str]) -> None:
        """Nobody will speak of these: age says nothing of them."""
        self.evidence.quiet |= set(hosts)
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
