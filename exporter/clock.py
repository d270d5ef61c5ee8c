"""The only file that may ask what time it is: everywhere else, time is an argument."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time in unix seconds, monotonic seconds for ages, sleep, and the local time zone."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    def zone(self) -> tuple[str, float]:
        """The zone's short name and its offset east of UTC in seconds."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The real clock."""

    def now(self) -> float:
        return time.time()  # noqa: TID251

    def monotonic(self) -> float:
        # Boot time counts suspended time too, so that a paused process sees how long it slept.
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def zone(self) -> tuple[str, float]:
        local = datetime.now(UTC).astimezone()  # noqa: TID251
        offset = local.utcoffset()
        return local.tzname() or "", offset.total_seconds() if offset else 0.0

    async def sleep(self, seconds: float) -> None:
        import asyncio  # here, for the reader asks for the time too and has no loop

        await asyncio.sleep(seconds)


class FakeClock:
    """A clock that tests move by hand; sleeping moves it too."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._now = start

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - self._start

    def zone(self) -> tuple[str, float]:
        return "UTC", 0.0

    def move(self, seconds: float) -> None:
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        import asyncio

        self.move(seconds)
        await asyncio.sleep(0)
