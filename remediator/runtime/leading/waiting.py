"""Evidence that is kept while another leads: who leads next has heard for itself what befell, and from when on.

Nothing here was any leader's: it comes from agents and probers to this process, and begins anew with each wait, and
after each pause of ours.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from nacl.public import PublicKey

from remediator.clock import Clock
from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.engine.evidence.weights import VantageHealth
from remediator.model.asks import VantageReport
from remediator.model.enrolment import Enrolment
from remediator.model.errors import TransientError
from remediator.sources.evidence import Evidence
from remediator.wire.keys import parse_box_key

log = logging.getLogger("fleetmend.waiting")
LOOK_SECONDS = 0.25
# As the loop's: longer between two looks is a pause, and what was heard before it is of another time.
PAUSE = 1.5
_READ_EVERY = 1.0
# A result that was not taken is told again while it is fresh: it was heard when it was new.
_OLDEST = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a shard's enrolments are read, as its journal has them; both are asked in a thread of their own."""

    enrolments: Callable[[], Sequence[bytes]]
    close: Callable[[], None]


class Waiting:
    """``since`` is from when on nothing was missed."""

    def __init__(self, source: Source, times: EvidenceTimes, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._times = times
        self._thread = ThreadPoolExecutor(1, "waiting")
        self._agents: Mapping[str, Enrolment] = {}
        self._vantages: Mapping[str, Enrolment] = {}
        self._closed = False
        self.evidence = Evidence(times)
        self.since: datetime = clock.now()

    async def run(self) -> None:
        """Until closed."""
        learning = asyncio.create_task(self._learn_now_and_then())
        looked, wall = self._clock.monotonic(), self._clock.now()
        while not self._closed:
            await self._clock.sleep(LOOK_SECONDS)
            now, then = self._clock.monotonic(), self._clock.now()
            stepped = abs((then - wall).total_seconds() - (now - looked))
            if now - looked > PAUSE or stepped > PAUSE:
                self.evidence.forget()
                self.since = then
            looked, wall = now, then
        learning.cancel()
        await asyncio.gather(learning, return_exceptions=True)

    async def _learn_now_and_then(self) -> None:
        # Beside the looks: a database that is slow is no pause of ours.
        while True:
            await self.learn()
            await self._clock.sleep(_READ_EVERY)

    async def learn(self) -> None:
        """Read who is enrolled; what was known stays while nobody can be asked."""
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._thread, self._source.enrolments)
        except (TransientError, OSError):
            # Who cannot be asked, or what cannot be kept, is tried again at the next look.
            return
        rows = [msgspec.json.decode(body, type=Enrolment) for body in found]
        self._agents = {row.name: row for row in rows if row.kind == "agent"}
        self._vantages = {row.token_hash: row for row in rows if row.kind == "vantage"}

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._thread.submit(self._source.close)
            self._thread.shutdown(wait=False)

    def key_of(self, name: str) -> PublicKey | None:
        known = self._agents.get(name)
        return parse_box_key(known.box_key) if known else None

    def heard(self, host: str) -> None:
        self.evidence.heard(host, self._clock.now())

    def hung_up(self, host: str) -> None:
        self.evidence.hung_up(host)

    def vantage_for(self, token: str) -> str:
        """The vantage whose token this is, empty when nobody's; compared in constant time."""
        wanted = hashlib.sha256(token.encode()).hexdigest()
        found = [row.name for known, row in self._vantages.items() if hmac.compare_digest(known, wanted)]
        return found[0] if found else ""

    def take_report(self, report: VantageReport) -> None:
        """Votes, dated by how old their sender says that they are: never younger than now."""
        enrolled = next((row for row in self._vantages.values() if row.name == report.vantage), None)
        if enrolled is None:
            return
        now = self._clock.now()
        vantage = Vantage(enrolled.name, enrolled.region, enrolled.rack, report.address)
        self.evidence.reported(vantage, now, VantageHealth(report.loop_lag_seconds, report.gateway))
        for result in report.results:
            age = min(max(timedelta(), timedelta(seconds=result.age_seconds)), _OLDEST)
            self.evidence.voted(vantage, result.host, result.outcome, now - age)
