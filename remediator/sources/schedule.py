"""When each group is due: APScheduler only enqueues, a worker of ours evaluates.

APScheduler's own defaults would lose evaluations: jobs later than a second are dropped, and its shutdown cancels
what is running. Here a job puts a name into a queue and ends. And it waits by the wall clock: after a step back it
would wait for as long as the step, so we look for steps ourselves and set its triggers anew.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from remediator.clock import Clock
from remediator.model.alert import Group
from remediator.sources.evaluator import Evaluator
from remediator.sources.slots import group_key, offset, slot_at

_LOOK_EVERY = 1.0


class Schedule:
    """Triggers for the groups of an evaluator, and the worker that runs them."""

    def __init__(self, evaluator: Evaluator, clock: Clock, *, spread: bool = True) -> None:
        self._evaluator = evaluator
        self._clock = clock
        self._spread = spread
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    async def run(self) -> None:
        """Evaluate for ever; groups run beside each other, each never beside itself."""
        self._trigger(self._evaluator.groups)
        self._scheduler.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._mind_the_clock())
                while True:
                    key = await self._due.get()
                    tasks.create_task(self._evaluate(key))
        finally:
            self._scheduler.shutdown(wait=False)

    def reload(self) -> None:
        """Take the evaluator's groups anew, after its rules were replaced or the clock was stepped."""
        self._scheduler.remove_all_jobs()
        self._trigger(self._evaluator.groups)

    async def _mind_the_clock(self) -> None:
        stepped = self._evaluator.stepped
        while True:
            await self._clock.sleep(_LOOK_EVERY)
            self._evaluator.mind_the_clock()
            # An evaluation may have come upon the step before us.
            if self._evaluator.stepped != stepped:
                stepped = self._evaluator.stepped
                self.reload()

    def _trigger(self, groups: Iterable[Group]) -> None:
        for group in groups:
            self._scheduler.add_job(
                self._enqueue,
                IntervalTrigger(seconds=group.interval.total_seconds(), start_date=self._first(group), timezone=UTC),
                args=[group_key(group)],
                id=group_key(group),
                misfire_grace_time=None,
                coalesce=True,
                max_instances=1,
            )

    async def _enqueue(self, key: str) -> None:
        # A group that is still waiting or at work is not queued twice; its missed slots are counted when it runs.
        if key not in self._waiting:
            self._waiting.add(key)
            self._due.put_nowait(key)

    async def _evaluate(self, key: str) -> None:
        try:
            group = self._evaluator.group(key)
            if group is not None:
                await self._evaluator.run_group(key, self._slot(group))
        finally:
            self._waiting.discard(key)

    def _slot(self, group: Group) -> datetime:
        # A trigger may come a hair before its moment by our clock: it means the slot that begins now.
        now = self._clock.now() + timedelta(milliseconds=5)
        return slot_at(now, group.interval, offset(group, spread=self._spread))

    def _first(self, group: Group) -> datetime:
        return slot_at(self._clock.now(), group.interval, offset(group, spread=self._spread)) + group.interval
