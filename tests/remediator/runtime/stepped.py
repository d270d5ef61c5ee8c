"""An event loop in virtual time that counts each resumption of each task, and dies, or cancels, at a chosen one."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from remediator.clock import Clock

T = TypeVar("T")
# So many turns without a step, and nothing moves any more until time does.
IDLE = 4


class Died(Exception):
    """The process is gone, in the middle of whatever it did."""


@dataclass
class Doom:
    """``left`` steps more, and the process is dead: nothing of it is ever resumed. None: it lives."""

    left: int | None = None
    steps: int = 0
    dead: bool = False

    def strikes(self) -> bool:
        """One step more; whether it is not taken."""
        self.steps += 1
        if self.left is not None:
            self.left -= 1
            self.dead = self.dead or self.left <= 0
        return self.dead


class Stepped(Awaitable[T]):
    """A coroutine driven by hand, from one suspension to the next."""

    def __init__(self, work: Coroutine[Any, Any, T], doom: Doom) -> None:
        self._work = work
        self._doom = doom

    def __await__(self) -> Generator[Any, Any, T]:
        thrown: asyncio.CancelledError | None = None
        while True:
            if self._doom.strikes():
                # What was pulled out of the socket runs no ``finally``.
                yield from asyncio.get_running_loop().create_future()
            try:
                waits_for = self._work.throw(thrown) if thrown else self._work.send(None)
            except StopIteration as ended:
                value: T = ended.value
                return value
            thrown = None
            try:
                # An error of what it waited for is had again from there, a step later.
                with contextlib.suppress(Exception):
                    yield waits_for
            except asyncio.CancelledError as cancelled:
                thrown = cancelled


class SteppedLoop(asyncio.SelectorEventLoop):
    """One process's loop: time is the clock's, threads are tasks like any other, so that death may fall between."""

    def __init__(self, clock: Clock, doom: Doom) -> None:
        self._clock = clock
        self.doom = doom
        self._under_way: set[Coroutine[Any, Any, Any]] = set()
        super().__init__()
        self.set_task_factory(self._task)

    def time(self) -> float:
        return self._clock.monotonic()

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> "asyncio.Task[Any]":
        async def stepped() -> Any:
            return await Stepped(work, self.doom)

        outer = stepped()
        task = asyncio.Task(outer, loop=loop, **more)
        self._under_way |= {outer, work}
        task.add_done_callback(lambda _task: self._under_way.difference_update({outer, work}))
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        async def once() -> Any:
            return func(*args)

        return self.create_task(once())

    def turn(self) -> bool:
        """Whatever is ready, once; whether anything was resumed."""
        before = self.doom.steps
        self.call_soon(self.stop)
        self.run_forever()
        return self.doom.steps != before

    def settle(self) -> None:
        """Until nothing moves any more."""
        idle = 0
        while idle < IDLE and not self.doom.dead:
            idle = 0 if self.turn() else idle + 1
        self._died()

    def play(self, work: Coroutine[Any, Any, T], cancel_after: int = 0) -> T:
        """A coroutine to its end; others that are under way go on meanwhile.

        Raises:
            Died: the process did not live to see it.
            asyncio.CancelledError: cancelled after that many of the loop's turns.
        """
        task = self.create_task(work)
        turns, idle = 0, 0
        while not task.done() and not self.doom.dead:
            idle = 0 if self.turn() else idle + 1
            turns += 1
            if turns == cancel_after:
                task.cancel()
            if idle > IDLE:
                raise AssertionError(f"waits for what does not come in this instant: {task}")
        self._died()
        return task.result()

    def bury(self) -> None:
        """Nothing is ever resumed here again, and nobody is told of it."""
        self.doom.dead = True
        for task in asyncio.all_tasks(self):
            quiet: Any = task
            quiet._log_destroy_pending = False
        self.close()
        for work in self._under_way:
            work.close()

    def _died(self) -> None:
        if self.doom.dead:
            raise Died
