"""The fleet as it is this instant: journalled rows joined with evidence, alerts, gate and freeze."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.clock import Clock
from remediator.engine.evidence.claims import claims_of
from remediator.engine.evidence.lives import LifeTimes, next_host, stays_until
from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import QUIET, EvidenceTimes, fresh_until, judge
from remediator.engine.machines.admission import survivors, survivors_claim
from remediator.model.alert import Alert
from remediator.model.decision import Remediation
from remediator.model.elsewhere import Elsewhere
from remediator.model.evidence import Gate, Sighting, Verdict, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.incident import Incident
from remediator.model.layered import Layered
from remediator.model.loan import Loan
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.policy import Limits
from remediator.model.record import Record
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation
from remediator.model.suspicion import BaseRate, Suspicion
from remediator.model.views import Views
from remediator.runtime.agents.seating import Seating
from remediator.runtime.agents.trust import Trust
from remediator.runtime.due import Due
from remediator.runtime.ledger import Ledger
from remediator.runtime.rest import fresh, salient
from remediator.sources.evidence import Evidence

# Lives that change by news alone; all others also by the passing of time.
_STEADY = frozenset({Life.HEALTHY, Life.DEAD, Life.RETIRED})
_DOUBTFUL = frozenset({VerdictKind.SUSPECT, VerdictKind.DEAD, VerdictKind.PARTITIONED})

# What of the journal is part of a snapshot, by its name there.
ROWS: dict[str, type[Any]] = {
    "hosts": Host,
    "machines": Machine,
    "volumes": Volume,
    "snapshots": Snapshot,
    "destroys": Destroy,
    "migrations": Migration,
    "bursts": Burst,
    "loans": Loan,
    "demands": Demand,
    "operations": Operation,
    "remediations": Remediation,
    "incidents": Incident,
    "approvals": Approval,
    "operator_holds": OperatorHold,
    "releases": Release,
    "records": Record,
    "suspicions": Suspicion,
    "base_rates": BaseRate,
}


class Watch:
    """Holds what is not journalled: verdicts, the gate, the freeze, and the wish to look again soon."""

    # Of several shards: what other leaders tell, and our part of each budget of the whole fleet.
    elsewhere: tuple[Elsewhere, ...] = ()
    shares: Mapping[str, int] | None = None
    # Names of lent hosts in which somebody greeted who is not enrolled.
    strangers: frozenset[str] = frozenset()

    def __init__(self, ledger: Ledger, evidence: Evidence, times: EvidenceTimes, clock: Clock) -> None:
        self._ledger = ledger
        self.evidence = evidence
        self._times = times
        self._clock = clock
        self._began = self.heard_since = clock.now()
        self._seating = Seating(ledger, evidence, self._began)
        self._trust = Trust(evidence, times, self._began)
        # What was sorted by host or app stays so from look to look; for the loop alone, which is in one thread.
        self._views = Views()
        self._sightings: Layered[Sighting] = Layered()
        self._verdicts: Layered[Verdict] = Layered()
        # Hosts that are judged at each look, and when the others are to be judged again though nothing was heard.
        # And until when what was said of each host stands, should all go on as it does.
        self._loud: set[str] = set()
        self._due, self._stands = Due(), Due()
        self.lives = LifeTimes(times)
        # After which commit the rows of a snapshot were these.
        self._rows: tuple[int, dict[str, Any]] = (-1, {})
        self._claimed: set[str] = set()
        # Whether looks brought anything but age since the last whole round; and what of each host's evidence that is.
        self.news = True
        self._salient: dict[str, tuple[tuple[object, ...], tuple[object, ...]]] = {}
        self._woken = asyncio.Event()
        self.alerts: Callable[[], tuple[Alert, ...]] = tuple
        self.gate = Gate(open=False, reason="no reading yet", since=self._began)
        self.frozen = ""
        self.freeze_statement: Callable[[], dict[str, Any]] = dict
        # The same with those that end by themselves, which agents are not told of.
        self.freeze_word: Callable[[], dict[str, Any]] = dict
        self.on_return: Mapping[str, str] = {}
        self.patience = Limits().patience
        self.backlog_since: Mapping[str, datetime] = {}
        self.doubts: Callable[[], Mapping[str, str]] = dict

    def wake(self) -> None:
        """Something happened: look again now."""
        self._woken.set()

    async def rest(self, seconds: float) -> None:
        """Until somebody wakes us, or the time is up."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._woken.clear()

    def began_anew(self) -> None:
        """We slept, or our clock was stepped: whatever is to be acted upon is earned again."""
        self._began = self.heard_since = self._clock.now()
        self.news = True
        self._verdicts, self._sightings = Layered(), Layered()
        self.evidence.forget()
        self.evidence.stirred |= set(self._seating.seats)

    def assignment(self, now: datetime) -> Mapping[str, tuple[Vantage, ...]]:
        """Which vantages probe which host; hosts that are retired or never joined are not probed."""
        self.evidence.stirred |= self._seating.refresh(now)
        return self._seating.seats

    def targets(self, vantage: str) -> list[str]:
        """The hosts that this vantage is to probe from now on."""
        self.assignment(self._clock.now())
        return sorted(self._seating.targets(vantage))

    def sighting(self, host: str) -> Sighting | None:
        """What is known of one host this very instant."""
        seats = self.assignment(self._clock.now()).get(host)
        return None if seats is None else self.evidence.sighting(host, seats)

    def doubted(self) -> list[Host]:
        """Hosts whose power is worth asking for: suspect, lost, unknown, or heard by some and not by others."""
        hosts = self._ledger.all(Host)
        lost = [host.name for life in (Life.SUSPECT, Life.DEAD) for host in hosts.where("life", life)]
        lost += [host.name for host in hosts.where("status", HostStatus.UNKNOWN)]
        kinds = {name: verdict.kind for name in self._loud if (verdict := self._verdicts.get(name))}
        named = {name for name, kind in kinds.items() if kind in _DOUBTFUL}
        return [hosts[name] for name in sorted(named.union(lost)) if name in hosts]

    def still(self) -> bool:
        """Whether a look now would bring nothing but age: all goes on as it did, and no time has run out."""
        now = self._clock.now()
        seats = self._heed(now)
        if self.news or self.evidence.stirred:
            return False
        moved = [name for name in self._stands.take(now) if self._moves(name, seats.get(name), now)]
        return not moved

    def _moves(self, name: str, seats: tuple[Vantage, ...] | None, now: datetime) -> bool:
        """Whether that host would be judged otherwise than it was; if not, it is remembered until when."""
        host, before = self._ledger.get(Host, name), self._verdicts.get(name)
        self._stands.at(name, now)
        if seats is None or before is None or host is None:
            return True
        sighting = self.evidence.sighting(name, seats)
        verdict = judge(sighting, host.rack, before, self._times, now, host.region)
        told = salient(sighting, verdict), fresh(sighting, self._times, now)
        if told != self._salient.get(name) or next_host(host, verdict, sighting, self.lives, now) != host:
            return True
        until = stays_until(host, verdict, sighting, self.lives, now)
        self._stands.at(name, until)
        return until is not None and until <= now

    def _heed(self, now: datetime) -> Mapping[str, tuple[Vantage, ...]]:
        """Take up who probes whom, what rules say, and whom to believe; whoever that may change is stirred."""
        seats = self.assignment(now)
        self._claim()
        for vantage in self._trust.weigh(now, lambda name: len(self._seating.targets(name))):
            self.evidence.stirred |= set(self._seating.targets(vantage))
        return seats

    def look(self) -> Fleet:
        """Judge whoever something was heard of, or whose time has come, and give the fleet with these verdicts."""
        now = self._clock.now()
        seats = self._heed(now)
        names = sorted(self.evidence.stirred | self._loud | self._due.take(now))
        self.evidence.stirred = set()
        sightings = {name: self._seen(name, seats[name], now) for name in names if name in seats}
        self._judge(sightings, now)
        gone = dict.fromkeys(name for name in names if name not in seats)
        self._sightings = self._sightings.with_changes({**sightings, **gone})
        self._verdicts = self._verdicts.with_changes(gone)
        self._loud -= gone.keys()
        for name in gone:
            self._stands.at(name, None)
        self.news |= any(self._salient.pop(name, None) is not None for name in gone)
        return self._fleet(judged=frozenset(sightings), views=self._views)

    def _seen(self, name: str, seats: tuple[Vantage, ...], now: datetime) -> Sighting:
        """What is known of a host, and what the journal knows of it: whoever cannot be killed there."""
        sighting, host = self.evidence.sighting(name, seats), self._ledger.all(Host)[name]
        if host.life is not Life.RETURNING:
            return sighting
        lasting = survivors(self._ledger.all(Destroy).values(), host, self.patience, now)
        return replace(sighting, claims=sighting.claims + survivors_claim(lasting, now)) if lasting else sighting

    def _judge(self, sightings: Mapping[str, Sighting], now: datetime) -> None:
        hosts, found = self._ledger.all(Host), {}
        together = bool(self._ledger.all(Incident).where("open", value=True))
        for name, sighting in sightings.items():
            host, before = hosts[name], self._verdicts.get(name)
            found[name] = verdict = judge(sighting, host.rack, before, self._times, now, host.region)
            quiet = verdict.kind in QUIET and host.life in _STEADY
            (self._loud.discard if quiet else self._loud.add)(name)
            self._due.at(name, fresh_until(sighting, self._times, now) if quiet else None)
            self._trust.saw(sighting, now)
            same = self._note(sighting, verdict, now, together=together)
            self._stands.at(name, stays_until(host, verdict, sighting, self.lives, now) if same else now)
        self._verdicts = self._verdicts.with_changes(found)

    def _note(self, sighting: Sighting, verdict: Verdict, now: datetime, *, together: bool) -> bool:
        """Whether nothing has changed; who spoke just now is news only while an incident is to be told apart."""
        told = salient(sighting, verdict), fresh(sighting, self._times, now)
        before = self._salient.get(sighting.host)
        if told != before:
            self._salient[sighting.host] = told
            self.news |= before is None or before[0] != told[0] or together
        return told == before

    def _claim(self) -> None:
        """What rules say of hosts, next to what the hosts say of themselves."""
        claims = claims_of(self.alerts())
        for host in claims.keys() | self._claimed:
            self.evidence.claimed(host, "store", claims.get(host, ()))
        self._claimed = set(claims)

    def fleet(self) -> Fleet:
        """A snapshot with the last verdicts and what was heard up to now; it does not change under its reader."""
        seats = self.assignment(self._clock.now())
        stirred = self.evidence.stirred
        heard = {name: self.evidence.sighting(name, seats[name]) if name in seats else None for name in stirred}
        self._sightings = self._sightings.with_changes(heard)
        return self._fleet()

    def known(self) -> Fleet:
        """The same for who asks for rows and words alone: what was heard since the last look is not gone through."""
        return self._fleet()

    def _fleet(self, **more: Any) -> Fleet:
        if self._rows[0] != self._ledger.sequence:
            self._rows = self._ledger.sequence, {name: self._ledger.all(kind) for name, kind in ROWS.items()}
        return Fleet(
            **self._rows[1],
            **more,
            sightings=self._sightings,
            verdicts=self._verdicts,
            alerts=self.alerts(),
            gate=self.gate,
            frozen=self.frozen,
            term_began=self._began,
            heard_since=self.heard_since,
            on_return=self.on_return,
            backlog_since=self.backlog_since,
            strangers=self.strangers,
            doubts=self.doubts(),
            elsewhere=self.elsewhere,
            shares=self.shares,
        )

    def reporting(self) -> int:
        """Vantages heard of within three seconds."""
        return self.evidence.reporting(self._clock.now())
