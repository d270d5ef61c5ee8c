"""What is heard while another leads, and what of it is evidence for whoever leads next."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from remediator.clock import FakeClock
from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import EvidenceTimes, judge
from remediator.model.asks import ProbeResult, VantageReport
from remediator.model.enrolment import Enrolment
from remediator.model.evidence import Outcome, VerdictKind
from remediator.runtime.leading.waiting import PAUSE, Source, Waiting
from remediator.sources.evidence import Evidence

START = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = EvidenceTimes()
SEATS = tuple(Vantage(f"p{number}", "arn", f"r{number}") for number in (1, 2, 3))


@dataclass
class Stage:
    """One that waits, with three vantages that are enrolled."""

    waiting: Waiting
    clock: FakeClock

    def later(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    def told(self, outcome: Outcome, age: float = 0.0) -> None:
        for seat in SEATS:
            results = (ProbeResult("h1", outcome, 0.0, age),)
            self.waiting.take_report(VantageReport(seat.name, "x", "x", "", 0.0, "", results))

    def taken_over(self) -> Evidence:
        """As the next stint takes it over."""
        found = Evidence(TIMES)
        found.take_over(self.waiting.evidence.told())
        return found

    def verdict(self) -> VerdictKind:
        sighting = self.taken_over().sighting("h1", SEATS)
        return judge(sighting, "r9", None, TIMES, self.clock.now()).kind


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    enrolled = [
        Enrolment(seat.name, "vantage", seat.region, seat.rack, START, "", "", hashlib.sha256(b"t1").hexdigest())
        for seat in SEATS[:1]
    ] + [
        Enrolment(seat.name, "vantage", seat.region, seat.rack, START, "", "", f"hash-of-{seat.name}")
        for seat in SEATS[1:]
    ]
    clock = FakeClock(START)
    rows = [msgspec.json.encode(row) for row in enrolled]
    waiting = Waiting(Source(lambda: rows, lambda: None), TIMES, clock)
    await waiting.learn()
    yield Stage(waiting, clock)
    waiting.close()


async def test_who_leads_next_knows_for_how_long_nothing_was_heard() -> None:
    async with stage() as found:
        for _ in range(4):
            found.told(Outcome.SILENT)
            found.later(1)
        assert found.verdict() is VerdictKind.DEAD


async def test_a_heartbeat_is_as_good_as_to_a_leader() -> None:
    async with stage() as found:
        for _ in range(4):
            found.told(Outcome.SILENT)
            found.waiting.heard("h1")
            found.later(1)
        assert found.verdict() is VerdictKind.PARTITIONED
        # Who is connected to whom is for each leader to see: sessions do not outlive a stint.
        assert found.taken_over().connected() == frozenset()


async def test_what_is_told_again_is_no_younger_for_it() -> None:
    async with stage() as found:
        found.told(Outcome.OK)
        found.later(2.9)
        # Nobody took it, so it is told again: it was heard when it was new.
        found.told(Outcome.OK, age=2.9)
        found.later(0.2)
        assert found.verdict() is VerdictKind.NO_EVIDENCE


async def test_a_pause_of_ours_makes_all_of_it_old() -> None:
    async with stage() as found:
        for _ in range(4):
            found.told(Outcome.SILENT)
            found.later(1)
        running = asyncio.create_task(found.waiting.run())
        await asyncio.sleep(0)
        found.later(PAUSE + 1)
        for _ in range(10):
            await asyncio.sleep(0)
        assert found.waiting.since > START
        assert found.verdict() is VerdictKind.NO_EVIDENCE
        found.waiting.close()
        await running


async def test_strangers_are_not_heard() -> None:
    async with stage() as found:
        assert found.waiting.vantage_for("t1") == "p1"
        assert found.waiting.vantage_for("t2") == ""
        assert found.waiting.key_of("h1") is None
        results = (ProbeResult("h1", Outcome.SILENT, 0.0, 0.0),)
        found.waiting.take_report(VantageReport("p9", "x", "x", "", 0.0, "", results))
        assert found.waiting.evidence.reporting(found.clock.now()) == 0
