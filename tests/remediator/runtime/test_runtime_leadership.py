"""Candidates for one lease: one leads at a time, and stops before its lease does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from remediator.clock import FakeClock
from remediator.journal.protocol import LeaseLost
from remediator.runtime.leading.fake_office import FakeOffice
from remediator.runtime.leading.leadership import MARGIN_SECONDS, Leadership

START = datetime(2026, 1, 1, tzinfo=UTC)
LENGTH = timedelta(seconds=3)


class Stage:
    """Two candidates, one office, one clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.clock = FakeClock(START)
        self.office = FakeOffice(self.clock)
        self.one, self.other = (Leadership(self.office, "fleet", name, LENGTH, self.clock) for name in ("a", "b"))

    def passes(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))


async def test_the_first_that_asks_leads_for_the_length_of_its_lease() -> None:
    stage = Stage()
    lease = await stage.one.seek()
    assert (lease.holder, lease.term, stage.one.leader) == ("a", 1, "a")
    assert stage.one.left() == pytest.approx(3 - MARGIN_SECONDS)


async def test_another_waits_until_the_lease_has_run_out() -> None:
    stage = Stage()
    await stage.one.seek()
    second = await stage.other.seek()
    assert (second.holder, second.term) == ("b", 2)
    # The fake clock moves with the sleeps of the one that waits: it waited the lease out.
    assert stage.clock.now() >= START + LENGTH
    assert stage.one.left() <= 0 < stage.other.left()


async def test_who_resigns_is_followed_at_once() -> None:
    stage = Stage()
    await stage.one.seek()
    await stage.one.resign()
    assert stage.one.left() == 0
    await stage.other.seek()
    assert stage.clock.now() == START


async def test_a_lease_that_is_renewed_does_not_end() -> None:
    stage = Stage()
    await stage.one.seek()
    keeping = asyncio.create_task(stage.one.keep())
    while stage.clock.now() < START + 10 * LENGTH:
        await asyncio.sleep(0)
        assert not keeping.done()
    assert stage.one.left() > 0
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_leader_that_cannot_reach_the_office_stops_before_its_lease_ends() -> None:
    stage = Stage()
    await stage.one.seek()
    stage.office.away = True
    with pytest.raises(LeaseLost):
        await stage.one.keep()
    assert stage.clock.now() < START + LENGTH
    assert stage.one.left() == 0


async def test_a_leader_that_slept_through_its_lease_finds_itself_deposed() -> None:
    stage = Stage()
    await stage.one.seek()
    stage.passes(30)
    assert stage.one.left() < 0
    await stage.other.seek()
    with pytest.raises(LeaseLost):
        await stage.one.keep()
    assert stage.other.left() > 0


async def test_a_candidate_outlasts_an_office_that_is_away() -> None:
    stage = Stage()
    stage.office.away = True
    seeking = asyncio.create_task(stage.one.seek())
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not seeking.done()
    stage.office.away = False
    assert (await seeking).term == 1
