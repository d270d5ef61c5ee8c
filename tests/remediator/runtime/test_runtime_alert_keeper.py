"""Alerts in the journal: written when their state moves, forgotten when they are gone, read after a restart."""

import asyncio
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from remediator.clock import FakeClock
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Entry, Row
from remediator.model.alert import AlertState, Group, KeptAlert, Rule
from remediator.model.errors import TransientError
from remediator.model.evidence import Gate
from remediator.runtime.alerts.keeper import AlertKeeper
from remediator.runtime.ledger import Ledger
from remediator.sources.evaluator import Evaluator
from remediator.sources.fake_store import FakeStore
from remediator.sources.slots import group_key

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GROUP = Group("g", "f", SECOND, (Rule("g", "Sick", "x", hold_for=2 * SECOND), Rule("g", "Other", "y")))


class CountingJournal(MemoryJournal):
    """Counts commits, and fails as often as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = 0
        self.failing = 0

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        if self.failing:
            self.failing -= 1
            raise TransientError("journal: the disk is full")
        self.counted += 1
        super().commit(rows, entries)


class Life:
    """One process' life over a journal."""

    def __init__(self, journal: CountingJournal) -> None:
        self.store = FakeStore()
        self.clock = FakeClock(NOON)
        self.ledger = Ledger(journal)
        gate = Gate(open=True, reason="", since=NOON)
        self.evaluator = Evaluator([GROUP], self.store, self.clock, lambda: gate)
        self.evaluator.restore(self.ledger.all(KeptAlert).values())
        self.keeper = AlertKeeper(self.ledger, self.evaluator, self.clock)

    async def at(self, second: int) -> None:
        self.clock.set(NOON + second * SECOND)
        await self.evaluator.run_group(group_key(GROUP), self.clock.now())
        await self.keeper.keep()

    @property
    def rows(self) -> dict[str, AlertState]:
        return {row.name: row.state for row in self.ledger.all(KeptAlert).values()}


async def test_moves_are_written_and_values_are_not() -> None:
    journal = CountingJournal()
    life = Life(journal)
    for second, value in enumerate((1, 2, 3, 4)):
        life.store.set("x", ({"host": "h1"}, value))
        await life.at(second)
    # Pending at the first slot, firing at the third.
    assert journal.counted == 2
    assert life.rows == {"Sick": AlertState.FIRING}


async def test_another_process_goes_on_where_the_last_one_was_killed() -> None:
    journal = CountingJournal()
    before = Life(journal)
    before.store.set("x", ({"host": "h1"}, math.inf))
    await before.at(0)
    after = Life(journal)
    (alert,) = after.evaluator.alerts()
    assert (alert.state, alert.active_at, alert.actionable) == (AlertState.PENDING, NOON, False)
    after.store.set("x", ({"host": "h1"}, 1))
    await after.at(2)
    (alert,) = after.evaluator.alerts()
    assert (alert.state, alert.active_at, alert.actionable) == (AlertState.FIRING, NOON, False)
    await after.at(3)
    await after.at(4)
    assert after.evaluator.alerts()[0].actionable


async def test_what_is_gone_is_forgotten() -> None:
    journal = CountingJournal()
    life = Life(journal)
    life.store.set("x", ({"host": "h1"}, 1))
    life.store.set("y", ({"host": "h1"}, 1))
    await life.at(0)
    assert life.rows == {"Sick": AlertState.PENDING, "Other": AlertState.FIRING}
    life.store.set("x")
    await life.at(1)
    assert life.rows == {"Other": AlertState.FIRING}
    life.evaluator.replace_groups([Group("g", "f", SECOND, GROUP.rules[:1])])
    await life.keeper.keep()
    assert life.rows == {}


async def test_a_full_disk_delays_and_loses_nothing() -> None:
    journal = CountingJournal()
    life = Life(journal)
    task = asyncio.create_task(life.keeper.run())
    life.store.set("y", ({"host": "h1"}, 1))
    journal.failing = 2
    await life.evaluator.run_group(group_key(GROUP), NOON)
    for _ in range(200):
        if life.rows:
            break
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert life.rows == {"Other": AlertState.FIRING}
