"""The evaluator's shell: groups, restarts, reloads, counters."""

import asyncio
from datetime import UTC, datetime, timedelta

from remediator.clock import FakeClock, SystemClock
from remediator.model.alert import Alert, AlertState, Group, Rule
from remediator.model.evidence import Gate
from remediator.sources.evaluator import Evaluator
from remediator.sources.fake_store import FakeStore
from remediator.sources.schedule import Schedule
from remediator.sources.slots import group_key
from remediator.sources.store import StoreError

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULE = Rule("g", "HostDead", "x", hold_for=2 * SECOND)
GROUP = Group("g", "alerts/f.yml", SECOND, (RULE, Rule("g", "a:b", "y", recording=True)))
KEY = group_key(GROUP)
OPEN = Gate(open=True, reason="", since=NOON)


def evaluator(store: FakeStore, *groups: Group) -> Evaluator:
    return Evaluator(groups or (GROUP,), store, FakeClock(NOON), lambda: OPEN)


async def run(subject: Evaluator, *seconds: int) -> list[Alert]:
    for second in seconds:
        await subject.run_group(KEY, NOON + second * SECOND)
    return list(subject.alerts())


async def test_alerts_come_from_the_store_and_recordings_are_left_alone() -> None:
    store = FakeStore()
    store.set("x", ({"host": "h1"}, 1))
    (alert,) = await run(evaluator(store), 0, 1, 2)
    assert (alert.state, alert.actionable) == (AlertState.FIRING, True)
    assert {expr for expr, _ in store.asked} == {"x"}


async def test_a_slot_is_evaluated_once_and_missed_ones_are_counted() -> None:
    store = FakeStore()
    subject = evaluator(store)
    await run(subject, 0, 0, 3, 2)
    assert [at for _, at in store.asked] == [NOON, NOON + 3 * SECOND]
    assert subject.reports()[KEY].missed == 2


async def test_failures_are_counted_and_told() -> None:
    store = FakeStore()
    store.fail("x", StoreError("no"))
    subject = evaluator(store)
    await run(subject, 0, 1)
    report = subject.reports()[KEY]
    assert (report.evaluations, report.failures) == (2, 2)
    assert subject.errors() == {f"{KEY}/HostDead": "no"}


async def test_a_restart_shows_what_was_firing_and_acts_on_nothing_it_has_not_seen() -> None:
    store = FakeStore()
    store.set("x", ({"host": "h1"}, 1))
    before = evaluator(store)
    await run(before, 0, 1, 2)
    after = evaluator(store)
    after.restore(before.state())
    assert [(a.state, a.actionable) for a in after.alerts()] == [(AlertState.FIRING, False)]
    assert [a.actionable for a in await run(after, 10, 11)] == [False]
    (alert,) = await run(after, 12)
    assert (alert.actionable, alert.active_at) == (True, NOON)


async def test_other_rules_keep_the_alerts_of_those_that_did_not_change() -> None:
    store = FakeStore()
    store.set("x", ({"host": "h1"}, 1))
    subject = evaluator(store)
    await run(subject, 0, 1, 2)
    subject.replace_groups([Group("g", "alerts/f.yml", SECOND, (Rule("g", "HostDead", "x", 2 * SECOND, line=9),))])
    assert len(subject.alerts()) == 1
    subject.replace_groups([Group("g", "alerts/f.yml", SECOND, (Rule("g", "HostDead", "x", 9 * SECOND),))])
    assert subject.alerts() == ()


async def test_an_unknown_group_is_nothing() -> None:
    assert await run(evaluator(FakeStore(), Group("other", "f", SECOND, ())), 0) == []


async def test_the_schedule_runs_each_group_at_its_slots() -> None:
    store = FakeStore()
    quick = Group("g", "alerts/f.yml", timedelta(milliseconds=100), (RULE,))
    subject = Evaluator([quick], store, SystemClock(), lambda: OPEN)
    schedule = Schedule(subject, SystemClock(), spread=False)
    task = asyncio.create_task(schedule.run())
    await asyncio.sleep(0.75)
    schedule.reload()
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    slots = [at for _, at in store.asked]
    assert len(slots) >= 5
    assert all(at.microsecond % 100_000 == 0 for at in slots)
    assert slots == sorted(set(slots))
