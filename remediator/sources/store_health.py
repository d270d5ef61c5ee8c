"""Whether the metrics store can be trusted as a witness: a canary each second, and the gate that follows."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from remediator.clock import Clock
from remediator.model.evidence import Gate
from remediator.settings import GateSettings
from remediator.sources.store import NoData, Queries, Result, StoreError, Vector

# A gate that closed within this time after it opened waits twice as long for the next opening.
RELAPSE = timedelta(hours=1)
# Clocks of one machine agree better than this; a heartbeat from further ahead is not ours, or time has jumped.
AHEAD = timedelta(seconds=2)
CANARY_EVERY = timedelta(seconds=1)
# A canary that stopped singing says nothing good.
SILENT_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Reading:
    """One canary: how long the query took, how old our newest heartbeat in the store is, or what went wrong."""

    at: datetime
    seconds: float = 0.0
    age: timedelta | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class GateMemory:
    """The gate, and what its next step hangs on."""

    gate: Gate
    wait: timedelta
    good_since: datetime | None = None
    opened_at: datetime | None = None
    last_reading: datetime | None = None


def closed_at_first(now: datetime, settings: GateSettings) -> GateMemory:
    """Unknown counts as closed."""
    return GateMemory(Gate(open=False, reason="no reading yet", since=now), settings.open_after)


def fault(reading: Reading, settings: GateSettings) -> str:
    """Why this reading speaks against the store; empty when it does not."""
    if reading.error:
        return reading.error
    if reading.seconds > settings.latency.total_seconds():
        return f"the canary took {reading.seconds:.1f} s"
    if reading.age is None:
        return "our own heartbeat is not in the store"
    if reading.age > settings.freshness:
        return f"our newest heartbeat in the store is {reading.age.total_seconds():.0f} s old"
    if reading.age < -AHEAD:
        return f"a heartbeat in the store is {-reading.age.total_seconds():.0f} s ahead of our clock"
    return ""


def gate_after(previous: GateMemory, reading: Reading, settings: GateSettings) -> GateMemory:
    """The gate after one more reading: closes at once, opens after ``wait`` of good ones without a hole."""
    now = reading.at
    wrong = fault(reading, settings)
    memory = replace(previous, last_reading=now)
    if wrong:
        return _closed(memory, wrong, now, settings)
    hole = previous.last_reading is not None and now - previous.last_reading > SILENT_AFTER
    good_since = now if hole or previous.good_since is None else previous.good_since
    memory = replace(memory, good_since=good_since)
    if previous.gate.open and not hole:
        return memory
    left = previous.wait - (now - good_since)
    if left > timedelta():
        reason = f"good for {(now - good_since).total_seconds():.0f} s of {previous.wait.total_seconds():.0f} s"
        return replace(memory, gate=_shut(memory, reason, now))
    return replace(memory, gate=Gate(open=True, reason="", since=now), opened_at=now)


def _closed(memory: GateMemory, reason: str, now: datetime, settings: GateSettings) -> GateMemory:
    wait = memory.wait
    if memory.gate.open:
        relapsed = memory.opened_at is not None and now - memory.opened_at < RELAPSE
        wait = min(wait * 2, settings.open_after_max) if relapsed else settings.open_after
    return replace(memory, gate=_shut(memory, reason, now), wait=wait, good_since=None)


def _shut(memory: GateMemory, reason: str, now: datetime) -> Gate:
    return Gate(open=False, reason=reason, since=now if memory.gate.open else memory.gate.since)


class StoreHealth:
    """Asks the canary and keeps the gate; ``seconds`` and ``failures`` are for metrics."""

    def __init__(self, store: Queries, clock: Clock, settings: GateSettings, threads: Executor | None = None) -> None:
        self._threads = threads
        self._store = store
        self._clock = clock
        self._settings = settings
        self._memory = closed_at_first(clock.now(), settings)
        self.seconds = 0.0
        self.failures = 0

    def gate(self) -> Gate:
        """The gate now; closed too when the canary itself has gone silent."""
        now, last = self._clock.now(), self._memory.last_reading
        if self._memory.gate.open and last is not None and now - last > SILENT_AFTER:
            return Gate(open=False, reason="the canary is silent", since=last)
        return self._memory.gate

    async def once(self) -> Gate:
        """One canary."""
        began, loop = self._clock.monotonic(), asyncio.get_running_loop()
        canary = self._settings.canary
        result = await loop.run_in_executor(self._threads, self._store.query, canary, self._clock.now())
        reading = read_canary(result, self._clock.now(), self._clock.monotonic() - began)
        self.seconds = reading.seconds
        self.failures += bool(fault(reading, self._settings))
        self._memory = gate_after(self._memory, reading, self._settings)
        return self.gate()

    async def run(self) -> None:
        """One canary each second, for ever."""
        while True:
            await self.once()
            await self._clock.sleep(CANARY_EVERY.total_seconds())


def read_canary(result: Result, now: datetime, seconds: float) -> Reading:
    """The reading that a query's result amounts to; its one value is our newest heartbeat in unix seconds."""
    match result:
        case StoreError():
            return Reading(now, seconds, error=result.reason)
        case NoData():
            return Reading(now, seconds)
        case Vector():
            heartbeats = result.numbers.values
            if not heartbeats:
                return Reading(now, seconds)
            newest = max(heartbeats)
            return Reading(now, seconds, timedelta(seconds=now.timestamp() - newest))
