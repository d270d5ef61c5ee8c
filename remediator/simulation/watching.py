"""The watch of a fleet in which most hosts are well and nobody speaks of them."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import QUIET
from remediator.model.evidence import Claim, Outcome, Sighting, VerdictKind, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.runtime.agents.watch import Watch
from remediator.sources.evidence import Evidence


class TellingEvidence(Evidence):
    """The evidence of a fleet of which only some are spoken."""

    def __init__(self) -> None:
        super().__init__()
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
        super().heard(host, now)

    def voted(self, vantage: Vantage, host: str, outcome: Outcome, received: datetime) -> None:
        self._speaks(host)
        super().voted(vantage, host, outcome, received)

    def claimed(self, host: str, by: str, claims: Iterable[Claim]) -> None:
        told = tuple(claims)
        if told:
            self._speaks(host)
        super().claimed(host, by, told)


class CalmWatch(Watch):
    """The real watch; hosts of whom the world no longer speaks are well until it does."""

    evidence: TellingEvidence

    def began_long_ago(self, at: datetime) -> None:
        self._began = at

    def look(self) -> Fleet:
        """Judge as ever; of whom nobody speaks age says nothing."""
        self.evidence.at = self._clock.now()
        fleet = super().look()
        for name in (fleet.judged or frozenset()) & self.evidence.quiet:
            self._due.at(name, None)
            self._stands.at(name, None)
        return fleet

    def of_kind(self, kind: str) -> frozenset[str]:
        """Hosts that are spoken of and have that verdict."""
        judged = (verdict.host for verdict in self._verdicts.where("kind", VerdictKind(kind)))
        return frozenset(self.evidence.spoken.intersection(judged))

    def calm(self, hosts: Collection[str]) -> None:
        """Nobody will speak of these: age says nothing of them."""
        self.evidence.calm(hosts)
        for name in hosts:
            self._due.at(name, None)
            self._stands.at(name, None)

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
