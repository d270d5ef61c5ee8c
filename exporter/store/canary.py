"""One canary query after the other: never two of the same at once, and never later than its time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.store.answers import NoAnswer, Reason
from exporter.workers import Workers


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: after how many seconds, with what value, or why without."""

    seconds: float
    value: float | None = None
    reason: Reason | None = None


class Canary:
    """A call that may hang: what has not come back in time is left behind, and nothing new is begun until it has."""

    def __init__(self, call: Callable[[], float | None], timeout: float, clock: Clock) -> None:
        self._call = call
        self._timeout = timeout
        self._clock = clock
        self._begun: Future[Outcome] | None = None

    async def sing(self, workers: Workers) -> Outcome:
        if self._begun is not None and not self._begun.done():
            return Outcome(self._timeout, reason=Reason.TIMEOUT)
        self._begun = workers.submit(self._timed)
        await asyncio.wait([asyncio.wrap_future(self._begun)], timeout=self._timeout)
        if self._begun.done():
            return self._begun.result()
        workers.abandon(self._begun)
        return Outcome(self._timeout, reason=Reason.TIMEOUT)

    def _timed(self) -> Outcome:
        began = self._clock.monotonic()
        try:
            value = self._call()
        except NoAnswer as error:
            return Outcome(self._clock.monotonic() - began, reason=error.reason)
        except OSError:
            return Outcome(self._clock.monotonic() - began, reason=Reason.UNREACHABLE)
        return Outcome(self._clock.monotonic() - began, value)
