"""Pushing: a page at each interval at once, and behind it, paced, what has waited."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.push.backlog import Backlog, Kept
from exporter.push.backoff import Gate
from exporter.push.flags import PushSettings
from exporter.push.meters import Drop, Meters
from exporter.push.page import Cutter, Page
from exporter.push.sender import Lane, Outcome, Push
from exporter.render import render_text
from exporter.workers import Workers

Result = TypeVar("Result")
Collect = Callable[[float], Awaitable[Sequence[Metric]]]

LONGEST_SEND_SECONDS = 10.0
IDLE_SECONDS = 1.0
STOP_SECONDS = 2.0
# Pages that a disk which hangs has not taken yet.
MOST_UNKEPT = 64


@dataclass(frozen=True, slots=True)
class Lanes:
    """Two ways to the same store, so that a live page never waits behind an old one."""

    live: Lane
    behind: Lane


class Pusher:
    """Pushes pages, and keeps those that the store does not take.

    A page that the store did not take goes to the backlog at once, and leaves it only when the store has taken it. A
    live push may take one interval, so ``kill -9`` loses the page of that interval at most.
    """

    def __init__(
        self, settings: PushSettings, lanes: Lanes, cutter: Cutter, backlog: Backlog, meters: Meters, clock: Clock
    ) -> None:
        self._interval = settings.interval
        self._rate = settings.spool.rate
        self._live, self._behind = lanes.live, lanes.behind
        self._live_gate, self._behind_gate = Gate(clock), Gate(clock)
        self._cutter = cutter
        self._backlog = backlog
        self._meters = meters
        self._clock = clock
        self._send_seconds = min(max(1.0, settings.interval), LONGEST_SEND_SECONDS)
        self._disk = Workers(size=1)
        self._cpu = Workers(size=1)
        self._unkept: list[tuple[Future[None], Page]] = []
        self._postponed: set[int] = set()
        self._stopping = asyncio.Event()

    def read(self) -> list[Metric]:
        """The page's collector of all this."""
        return self._meters.read(self._backlog.shelf, self._clock)

    async def run(self, collect: Collect) -> None:
        """For ever. Cancelled, it pushes or keeps a last page first, within some STOP_SECONDS."""
        tasks = [asyncio.create_task(self._run_live(collect)), asyncio.create_task(self._run_behind())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopping.set()
            await self._finish(collect, tasks)
        for task in tasks:
            task.result()

    async def _run_live(self, collect: Collect) -> None:
        due = self._clock.monotonic()
        while not self._stopping.is_set():
            await self._push_fresh(collect, self._send_seconds)
            due = max(due + self._interval, self._clock.monotonic())
            await self._pause(due - self._clock.monotonic())

    async def _run_behind(self) -> None:
        while not self._stopping.is_set():
            await self._pause(await self._push_kept())

    async def _push_fresh(self, collect: Collect, seconds: float) -> None:
        """Collect a page and push it, or keep it if the store does not take it."""
        moment = self._clock.now()
        families = await collect(seconds)
        await self._push_each(await in_thread(self._cpu, partial(self._cut, families, int(moment * 1000))), seconds)

    def _cut(self, families: Sequence[Metric], at: int) -> list[Page]:
        return self._cutter.cut(render_text(families), at)

    async def _push_each(self, pages: Sequence[Page], seconds: float) -> None:
        left = list(pages)
        try:
            while left:
                await self._push_or_keep(left[0], seconds)
                left.pop(0)
        except asyncio.CancelledError:
            for page in left:
                self._keep(page)
            raise

    async def _push_or_keep(self, page: Page, seconds: float) -> None:
        if self._live_gate.wait_seconds():
            self._keep(page)
            return
        outcome = await self._live.send(page, seconds)
        self._count(outcome, page)
        if outcome.push is Push.AGAIN:
            self._keep(page)
            self._live_gate.failed(outcome.asked)
            # What has waited would fare no better.
            self._behind_gate.hold(self._live_gate.wait_seconds())
        else:
            self._live_gate.passed()
        if outcome.push is Push.DONE:
            self._meters.note_delay(max(0.0, self._clock.now() - page.at / 1000))

    async def _push_kept(self) -> float:
        """Push the newest page that waits; seconds until the next should be."""
        if closed := self._behind_gate.wait_seconds():
            return closed
        if not self._backlog.shelf.pages:
            return IDLE_SECONDS
        kept = await in_thread(self._disk, partial(self._backlog.newest, frozenset(self._postponed)))
        if kept is None:
            self._postponed.clear()
            return IDLE_SECONDS
        outcome = await self._behind.send(kept.page, LONGEST_SEND_SECONDS)
        self._count(outcome, kept.page)
        if outcome.push is Push.AGAIN:
            return self._postpone(kept, outcome)
        await in_thread(self._disk, partial(self._backlog.remove, kept.number))
        self._live_gate.passed()
        self._behind_gate.passed()
        return kept.page.samples / self._rate * (0.5 + random.random())  # noqa: S311

    def _postpone(self, kept: Kept, outcome: Outcome) -> float:
        """While live pages pass, the fault may be this page's own: others are tried before it is again."""
        self._behind_gate.failed(outcome.asked)
        self._live_gate.hold(outcome.asked)
        if self._live_gate.healthy:
            self._postponed.add(kept.number)
        return self._behind_gate.wait_seconds()

    def _count(self, outcome: Outcome, page: Page) -> None:
        if outcome.failure:
            self._meters.count_failure(outcome.failure)
        if outcome.push is Push.DONE:
            self._meters.count_sent(outcome.samples, self._clock.now())
        elif outcome.push is Push.REFUSED:
            self._meters.count_dropped(Drop.REFUSED, page.samples)

    def _keep(self, page: Page) -> None:
        """Hand over to the disk's thread without waiting for it: it may hang."""
        self._unkept = [(future, waiting) for future, waiting in self._unkept if not future.done()]
        if len(self._unkept) >= MOST_UNKEPT:
            self._drop_unkept()
        self._unkept.append((self._disk.submit(partial(self._backlog.put, page)), page))

    def _drop_unkept(self) -> None:
        """The oldest, but for the one that the disk hangs on."""
        for future, page in self._unkept:
            if future.cancel():
                self._meters.count_dropped(Drop.QUEUE_FULL, page.samples)
                return

    async def _pause(self, seconds: float) -> None:
        """Ends early when we stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), max(0.0, seconds))

    async def _finish(self, collect: Collect, tasks: Sequence[asyncio.Task[None]]) -> None:
        """A last page, then the ends of all series; whatever is not taken in time is kept."""
        until = self._clock.monotonic() + STOP_SECONDS
        await asyncio.wait(tasks, timeout=STOP_SECONDS / 2)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - self._clock.monotonic()):
                await self._push_fresh(collect, STOP_SECONDS / 2)
        ends = self._cutter.end(int(self._clock.now() * 1000))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.2, until - self._clock.monotonic())):
                await self._push_each(ends, STOP_SECONDS)
        await self._close()

    async def _close(self) -> None:
        """The close waits its turn behind what is still being kept."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(in_thread(self._disk, self._backlog.close), STOP_SECONDS)
        for lane in (self._live, self._behind):
            lane.close()


async def in_thread(workers: Workers, call: Callable[[], Result]) -> Result:
    return await asyncio.wrap_future(workers.submit(call))
