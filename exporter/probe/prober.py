"""The rounds: each target once in each interval, spread over its beginning."""

import asyncio
import zlib
from collections.abc import Callable, Sequence

from exporter.clock import Clock
from exporter.probe.ask import probe
from exporter.probe.wire import Assignment, Health, Result, Target

LAG_TICK_SECONDS = 0.05
SHORTEST_INTERVAL = 0.05
LONGEST_INTERVAL = 60.0
STALE_INTERVALS = 3


class LagMeter:
    """How late this loop's own timers are: a prober that cannot keep time must say so."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._longest = 0.0

    async def run(self) -> None:
        while True:
            due = self._clock.monotonic() + LAG_TICK_SECONDS
            await self._clock.sleep(LAG_TICK_SECONDS)
            self._longest = max(self._longest, self._clock.monotonic() - due)

    def take(self) -> float:
        """The longest lag since it was last taken, in seconds."""
        longest, self._longest = self._longest, 0.0
        return longest


class Prober:
    """Holds the assignment and the newest results; results and health change as one, at the end of a round."""

    def __init__(self, name: str, clock: Clock, check_gateway: Callable[[], str]) -> None:
        self._name = name
        self._clock = clock
        self._check_gateway = check_gateway
        self._lag = LagMeter(clock)
        self.assignment = Assignment()
        self.results: tuple[Result, ...] = ()
        self.health = Health()
        self.round_ended = self._clock.monotonic()

    async def run(self, on_round: Callable[[], None]) -> None:
        """Probe for ever; ``on_round`` is called as soon as a round's last outcome is in."""
        meter = asyncio.create_task(self._lag.run())
        try:
            due = self._clock.monotonic()
            while True:
                await self.run_round()
                on_round()
                # A round that came late is not made up for: the next one begins on its own time.
                due = max(due + clamp_interval(self.assignment), self._clock.monotonic())
                await self._clock.sleep(due - self._clock.monotonic())
        finally:
            meter.cancel()

    async def run_round(self) -> None:
        assignment = self.assignment
        self.results = await probe_all(assignment, self._name, self._clock)
        self.health = Health(self._lag.take(), self._check_gateway())
        self.round_ended = self._clock.monotonic()

    def fresh_results(self) -> Sequence[Result]:
        """Results not older than three intervals; none at all from a prober that has stopped."""
        oldest = self._clock.monotonic() - STALE_INTERVALS * clamp_interval(self.assignment)
        return [one for one in self.results if one.at >= oldest]


def clamp_interval(assignment: Assignment) -> float:
    """Never a busy loop, whatever was asked for."""
    return min(LONGEST_INTERVAL, max(SHORTEST_INTERVAL, assignment.interval_seconds))


async def probe_all(assignment: Assignment, vantage: str, clock: Clock) -> tuple[Result, ...]:
    """Every target once; all outcomes are in before the next round is due."""
    interval = clamp_interval(assignment)
    timeout = min(assignment.timeout_seconds, interval)
    spread = (interval - timeout) / 2
    asked = [probe_later(one, spread * phase(vantage, one), timeout, clock) for one in assignment.targets]
    return tuple(await asyncio.gather(*asked))


async def probe_later(target: Target, delay: float, timeout: float, clock: Clock) -> Result:
    await clock.sleep(delay)
    return await probe(target, timeout, clock)


def phase(vantage: str, target: Target) -> float:
    """A steady share of the spread in 0…1, another for each pair: targets are not asked by all at once."""
    return zlib.crc32(f"{vantage}/{target.host}".encode()) / 2**32
