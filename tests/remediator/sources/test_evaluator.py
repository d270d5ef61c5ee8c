"""The evaluator's shell: groups, restarts, reloads, counters, what is written back."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from remediator.clock import FakeClock, SystemClock
from remediator.model.alert import Alert, AlertState, Group, OnNoData, Outcomes, Rule
from remediator.model.evidence import Gate
from remediator.sources.evaluate import Outcome
from remediator.sources.evaluator import Evaluator
from remediator.sources.fake_store import FakeStore
from remediator.sources.kept import kept_alerts
from remediator.sources.schedule import Schedule
from remediator.sources.slots import group_key
from remediator.sources.store import StoreError
from remediator.sources.written import Block

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULE = Rule("g", "HostDead", "x", hold_for=2 * SECOND)
RECORDING = Rule("g", "a:b", "y", recording=True, labels={"team": "t"})
GROUP = Group("g", "alerts/f.yml", SECOND, (RULE, RECORDING))
KEY = group_key(GROUP)
OPEN = Gate(open=True, reason="", since=NOON)


class Received:
    """Counts what is written back, and remembers the bytes."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.settled = 0

    def put(self, block: Block) -> None:
        self.blocks.append(block)

    def settle(self, seconds: float) -> bool:
        self.settled += 1
        return True

    @property
    def counts(self) -> list[int]:
        return [block.count for block in self.blocks]


class Lab:
    """An evaluator with a store and a clock of its own, which moves with the slots."""

    def __init__(self, *groups: Group) -> None:
        self.store = FakeStore()
        self.clock = FakeClock(NOON)
        self.received = Received()
        self.subject = Evaluator(groups or (GROUP,), self.store, self.clock, lambda: OPEN, receiver=self.received)

    async def run(self, *seconds: int) -> list[Alert]:
        for second in seconds:
            self.clock.set(NOON + second * SECOND)
            await self.subject.run_group(KEY, NOON + second * SECOND)
        return list(self.subject.alerts())

    async def now(self) -> Alert:
        """Evaluate at this very moment of the wall clock; the only alert."""
        await self.subject.run_group(KEY, self.clock.now())
        (alert,) = self.subject.alerts()
        return alert


async def test_alerts_come_from_the_store() -> None:
    lab = Lab()
    lab.store.set("x", ({"host": "h1"}, 1))
    (alert,) = await lab.run(0, 1, 2)
    assert (alert.state, alert.actionable) == (AlertState.FIRING, True)


async def test_a_slot_is_evaluated_once_and_missed_ones_are_counted() -> None:
    lab = Lab()
    await lab.run(0, 0, 3, 2)
    assert [at for expr, at in lab.store.asked if expr == "x"] == [NOON, NOON + 3 * SECOND]
    assert lab.subject.reports()[KEY].missed == 2


async def test_failures_are_counted_and_told() -> None:
    lab = Lab()
    lab.store.fail("x", StoreError("no"))
    await lab.run(0, 1)
    report = lab.subject.reports()[KEY]
    assert (report.evaluations, report.failures) == (4, 2)
    assert lab.subject.errors() == {f"{KEY}/HostDead": "no"}
    ((view, recording),) = [group.rules for group in lab.subject.views()]
    assert (view.health, view.last_error, view.outcome) == ("err", "no", Outcome.ERROR)
    assert (recording.health, recording.evaluated_at) == ("ok", NOON + SECOND)


async def test_a_restart_shows_what_was_firing_and_acts_on_nothing_it_has_not_seen() -> None:
    before, after = Lab(), Lab()
    for lab in (before, after):
        lab.store.set("x", ({"host": "h1"}, 1))
    await before.run(0, 1, 2)
    kept = [kept for place, state in before.subject.states() for kept in kept_alerts(place, state)]
    after.subject.restore(kept)
    assert [(a.state, a.actionable) for a in after.subject.alerts()] == [(AlertState.FIRING, False)]
    assert [a.actionable for a in await after.run(10, 11)] == [False]
    (alert,) = await after.run(12)
    assert (alert.actionable, alert.active_at) == (True, NOON)


async def test_pending_goes_on_through_a_restart_and_time_away_does_not_count_when_it_was_long() -> None:
    for away, active_at in ((timedelta(minutes=4), NOON), (timedelta(minutes=30), NOON + timedelta(minutes=30))):
        before, after = Lab(), Lab()
        before.store.set("x", ({"host": "h1"}, 1))
        await before.run(0)
        after.subject.restore(
            [k for place, state in before.subject.states() for k in kept_alerts(place, state)], away
        )
        (alert,) = after.subject.alerts()
        assert (alert.state, alert.active_at) == (AlertState.PENDING, active_at)
    after.subject.restore(
        [k for place, state in before.subject.states() for k in kept_alerts(place, state)], 2 * away
    )
    assert len(after.subject.alerts()) == 1
    after.subject.restore(
        [k for place, state in before.subject.states() for k in kept_alerts(place, state)], 3 * away
    )
    assert after.subject.alerts() == ()


async def test_an_edit_resets_nothing_and_a_longer_for_goes_back_to_pending() -> None:
    lab = Lab()
    lab.store.set("x", ({"host": "h1"}, 1))
    await lab.run(0, 1, 2)
    edited = replace(RULE, annotations={"summary": "new"}, line=9)
    lab.subject.replace_groups([replace(GROUP, rules=(edited,))])
    (alert,) = await lab.run(3)
    assert (alert.state, alert.actionable, alert.active_at) == (AlertState.FIRING, True, NOON)
    assert alert.annotations == {"summary": "new"}
    lab.subject.replace_groups([replace(GROUP, rules=(replace(edited, hold_for=9 * SECOND),))])
    assert [a.state for a in await lab.run(4)] == [AlertState.PENDING]
    assert [(a.state, a.active_at) for a in await lab.run(9)] == [(AlertState.FIRING, NOON)]


async def test_another_expression_has_to_be_seen_true_anew_before_anything_is_done() -> None:
    lab = Lab()
    for expr in ("x", "z"):
        lab.store.set(expr, ({"host": "h1"}, 1))
    await lab.run(0, 1, 2)
    lab.subject.replace_groups([replace(GROUP, rules=(replace(RULE, expr="z"),))])
    assert [(a.state, a.actionable) for a in await lab.run(3)] == [(AlertState.FIRING, False)]
    assert [a.actionable for a in await lab.run(4, 5)] == [True]


async def test_rules_of_one_name_are_kept_apart() -> None:
    slow = replace(RULE, expr="z", labels={"severity": "page"})
    lab = Lab(replace(GROUP, rules=(RULE, slow)))
    lab.store.set("x", ({"host": "h1"}, 1))
    lab.store.set("z", ({"host": "h1"}, 1))
    await lab.run(0, 1)
    lab.subject.replace_groups([replace(GROUP, rules=(slow, RULE))])
    alerts = await lab.run(2)
    assert {(a.labels.get("severity"), a.active_at) for a in alerts} == {("page", NOON), (None, NOON)}
    assert all(alert.state is AlertState.FIRING for alert in alerts)


async def test_what_is_written_ends_with_the_alert_and_with_the_rule() -> None:
    lab = Lab()
    lab.store.set("x", ({"host": "h1"}, 1))
    lab.store.set("y", ({"host": "h1"}, 7), ({"host": "h2"}, 8))
    await lab.run(0, 1)
    # Each slot: ALERTS and ALERTS_FOR_STATE of the alert, and two recorded series.
    assert lab.received.counts == [2, 2, 2, 2]
    await lab.run(2)
    # Firing: the pending series ends.
    assert lab.received.counts[4:] == [3, 2]
    lab.store.set("y", ({"host": "h1"}, 7))
    lab.store.set("x")
    await lab.run(3)
    assert lab.received.counts[6:] == [2, 2]
    lab.store.fail("x", StoreError("no"))
    lab.store.fail("y", StoreError("no"))
    await lab.run(4)
    assert lab.received.counts[8:] == [0, 0]
    lab.subject.replace_groups([replace(GROUP, rules=(RULE,))])
    assert lab.received.counts[10:] == [1]


async def test_a_rule_waits_for_what_an_earlier_one_recorded() -> None:
    lab = Lab(replace(GROUP, rules=(RECORDING, RULE, replace(RULE, name="Uses", expr="a:b > 1"))))
    lab.store.set("y", ({}, 1))
    await lab.run(0)
    assert lab.received.settled == 1


async def test_no_data_is_neither_sick_nor_healthy() -> None:
    keeping = replace(RULE, outcomes=Outcomes(OnNoData.KEEP), presence="there")
    lab = Lab(replace(GROUP, rules=(keeping,)))
    lab.store.set("x", ({"host": "h1"}, 1))
    await lab.run(0, 1, 2)
    lab.store.set("x")
    assert [(a.state, a.actionable) for a in await lab.run(3)] == [(AlertState.FIRING, False)]
    assert lab.subject.views()[0].rules[0].outcome is Outcome.NO_DATA
    lab.store.fail("there", StoreError("no"))
    await lab.run(4)
    assert lab.subject.views()[0].rules[0].outcome is Outcome.ERROR
    lab.store.set("there", ({}, 1))
    assert [a.state for a in await lab.run(5)] == [AlertState.RESOLVED]
    assert lab.subject.views()[0].rules[0].outcome is Outcome.OK


async def test_a_step_forward_shortens_no_for() -> None:
    lab = Lab(replace(GROUP, rules=(replace(RULE, hold_for=10 * SECOND),)))
    lab.store.set("x", ({"host": "h1"}, 1))
    await lab.run(0, 1)
    lab.clock.step_wall(timedelta(hours=1))
    lab.clock.set(lab.clock.now() + SECOND)
    alert = await lab.now()
    assert (alert.state, alert.active_at) == (AlertState.PENDING, NOON + timedelta(hours=1))
    lab.clock.set(lab.clock.now() + 8 * SECOND)
    assert (await lab.now()).state is AlertState.FIRING
    assert lab.subject.reports()[KEY].missed == 7


async def test_a_step_back_stops_nothing_and_evaluates_no_slot_again() -> None:
    lab = Lab()
    lab.store.set("x", ({"host": "h1"}, 1))
    await lab.run(0, 1)
    lab.clock.step_wall(timedelta(hours=-1))
    # The same slot on the new time: it was evaluated already.
    await lab.subject.run_group(KEY, lab.clock.now())
    assert len(lab.store.asked) == 4
    lab.clock.set(lab.clock.now() + SECOND)
    alert = await lab.now()
    assert (alert.state, alert.active_at, alert.actionable) == (AlertState.FIRING, NOON - timedelta(hours=1), False)
    lab.clock.set(lab.clock.now() + 2 * SECOND)
    assert not (await lab.now()).actionable
    assert max(at for _, at in lab.store.asked) == NOON + SECOND


async def test_an_unknown_group_is_nothing() -> None:
    assert await Lab(Group("other", "f", SECOND, ())).run(0) == []


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


class SteppedClock(SystemClock):
    """The real clock, whose wall time can be stepped."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


async def test_the_schedule_goes_on_at_once_after_a_step_back() -> None:
    store, clock = FakeStore(), SteppedClock()
    subject = Evaluator([Group("g", "f", SECOND / 5, (RULE,))], store, clock, lambda: OPEN)
    schedule = Schedule(subject, clock, spread=False)
    task = asyncio.create_task(schedule.run())
    await asyncio.sleep(0.5)
    clock.by = timedelta(hours=-2)
    await asyncio.sleep(1.6)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    again = [at for _, at in store.asked if at < SystemClock().now() - timedelta(hours=1)]
    assert len(again) >= 2
    assert again == sorted(set(again))
