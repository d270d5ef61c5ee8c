"""The fleet as it is this instant: journalled rows joined with evidence, alerts, gate and freeze."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from remediator.clock import Clock
from remediator.engine.vantages import Vantage, assigned
from remediator.engine.verdicts import EvidenceTimes, judge
from remediator.model.alert import Alert
from remediator.model.decision import Remediation
from remediator.model.enrolment import Enrolment
from remediator.model.evidence import Gate, Verdict
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.incident import Incident
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation
from remediator.runtime.ledger import Ledger
from remediator.sources.evidence import Evidence


class Watch:
    """Holds what is not journalled: verdicts, the gate, the freeze, and the wish to look again soon."""

    def __init__(self, ledger: Ledger, evidence: Evidence, times: EvidenceTimes, clock: Clock) -> None:
        self._ledger = ledger
        self.evidence = evidence
        self._times = times
        self._clock = clock
        self._began = clock.now()
        self._verdicts: dict[str, Verdict] = {}
        self._woken = asyncio.Event()
        self.alerts: Callable[[], tuple[Alert, ...]] = tuple
        self.gate = Gate(open=False, reason="no reading yet", since=self._began)
        self.frozen = ""
        self.freeze_statement: Callable[[], dict[str, Any]] = dict
        self.on_return: Mapping[str, str] = {}
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
        self._began = self._clock.now()
        self._verdicts = {}
        self.evidence.forget()

    def assignment(self, now: datetime) -> Mapping[str, tuple[Vantage, ...]]:
        """Which vantages probe which host; hosts that are retired or never joined are not probed."""
        probed = [h for h in self._ledger.all(Host).values() if h.joined and h.life is not Life.RETIRED]
        live = self.evidence.vantages(now)
        known = {vantage.name for vantage in live}
        # One that is silent keeps its seat until another can take it: the last to speak must not decide alone.
        silent = [
            Vantage(each.name, each.region, each.rack, live=False)
            for each in self._ledger.all(Enrolment).values()
            if each.kind == "vantage" and each.name not in known
        ]
        return assigned(probed, [*live, *silent])

    def look(self) -> Fleet:
        """Judge every host anew, and give the fleet with these verdicts."""
        now = self._clock.now()
        sightings = self.evidence.sightings(self.assignment(now))
        hosts = self._ledger.all(Host)
        self._verdicts = {
            name: judge(sighting, hosts[name].rack, self._verdicts.get(name), self._times, now)
            for name, sighting in sightings.items()
        }
        return self.fleet()

    def fleet(self) -> Fleet:
        """A snapshot with the last verdicts; its mappings do not change under the reader."""
        now = self._clock.now()
        row = self._ledger.all
        return Fleet(
            hosts=row(Host).copy(),
            machines=row(Machine).copy(),
            volumes=row(Volume).copy(),
            snapshots=row(Snapshot).copy(),
            destroys=row(Destroy).copy(),
            migrations=row(Migration).copy(),
            bursts=row(Burst).copy(),
            demands=row(Demand).copy(),
            operations=row(Operation).copy(),
            remediations=row(Remediation).copy(),
            incidents=row(Incident).copy(),
            approvals=row(Approval).copy(),
            operator_holds=row(OperatorHold).copy(),
            releases=row(Release).copy(),
            sightings=self.evidence.sightings(self.assignment(now)),
            verdicts=dict(self._verdicts),
            alerts=self.alerts(),
            gate=self.gate,
            frozen=self.frozen,
            term_began=self._began,
            on_return=self.on_return,
            backlog_since=self.backlog_since,
            doubts=self.doubts(),
        )

    def reporting(self) -> int:
        """Vantages heard of within three seconds."""
        return self.evidence.reporting(self._clock.now())
