"""The only file that may ask what time it is: everywhere else, time is an argument."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for ages, and sleep.

    ``now`` is aware UTC; ``monotonic`` never goes back and counts suspended time too, so that a paused
    process sees how long it slept.
    """

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The real clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251

    def monotonic(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeClock:
    """A clock that tests move by hand; sleeping moves it too."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._now = start
        self._stepped = timedelta()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._stepped - self._start).total_seconds()

    def set(self, now: datetime) -> None:
        self._now = now

    def step_wall(self, by: timedelta) -> None:
        """Set the wall clock alone, forward or back."""
        self._stepped += by
        self._now += by

    async def sleep(self, seconds: float) -> None:
        self._now = datetime.fromtimestamp(self._now.timestamp() + seconds, UTC)
        await asyncio.sleep(0)
