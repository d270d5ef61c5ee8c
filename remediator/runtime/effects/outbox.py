"""The outbox: operations that are written down are sent, each once at a time, until they end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from remediator.clock import Clock
from remediator.drivers.protocol import Driver, Observer
from remediator.model.errors import PermanentError, TransientError, UncertainError
from remediator.model.request import Operation, Origin, Stage
from remediator.runtime.effects import outcomes
from remediator.runtime.effects.retries import OBSERVED, Pace, pace_of
from remediator.runtime.incidents import held_back
from remediator.runtime.ledger import Draft, Ledger

log = logging.getLogger("fleetmend.outbox")
Prepare = Callable[[Operation], Awaitable[Operation]]
# A key and when it was written: a wish that was given up may be written again, for another host.
Life = tuple[str, datetime]


class Counter(Protocol):
    """Where ends of operations are counted."""

    def operated(self, verb: str, result: str) -> None: ...


class Outbox:
    """Sends open operations; after a crash the same keys are sent again."""

    def __init__(
        self,
        ledger: Ledger,
        driver: Driver,
        prepare: Prepare,
        clock: Clock,
        counter: Counter,
        pace: Callable[[str], Pace] = pace_of,
    ) -> None:
        self._ledger = ledger
        self._driver = driver
        self._prepare = prepare
        self._clock = clock
        self._counter = counter
        self._pace = pace
        self._flying: dict[Life, asyncio.Task[None]] = {}
        self._waiting: dict[str, list[asyncio.Future[Operation]]] = {}

    def send_due(self, reachable: frozenset[str], frozen: str, now: datetime) -> None:
        """Start whatever is due; operations for hosts that are away wait without trying."""
        for operation in self.due(reachable, frozen, now):
            life = _life(operation)
            task = asyncio.create_task(self._send(operation), name=operation.key)
            self._flying[life] = task
            task.add_done_callback(partial(self._landed, life))

    def due(self, reachable: frozenset[str], frozen: str, now: datetime) -> Iterator[Operation]:
        """What is open and may be sent, and is not under way."""
        rows = self._ledger.all(Operation).where("open", value=True)
        kept_back = held_back(self._ledger, now) if rows else None
        for operation in rows:
            if self._flies(operation) or (kept_back and kept_back(operation)):
                continue
            if _due(operation, reachable, frozen, now):
                yield operation

    def _flies(self, operation: Operation) -> bool:
        return _life(operation) in self._flying

    def _landed(self, life: Life, task: asyncio.Task[None]) -> None:
        self._flying.pop(life, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("operation %s ended unrecorded and is sent again: %s", life[0], type(error).__name__)

    async def ended(self, key: str, seconds: float) -> Operation:
        """Wait for an operation's end.

        Raises:
            TransientError: it has not ended in time; it goes on, and its key will find it.
        """
        known = self._ledger.get(Operation, key)
        if known is not None and not known.open:
            return known
        waiter: asyncio.Future[Operation] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(waiter)
        try:
            return await asyncio.wait_for(waiter, seconds)
        except TimeoutError as error:
            raise TransientError("it is accepted and under way, but did not end in time") from error

    async def close(self) -> None:
        """Cancel what is in flight; it stays open in the journal and is sent again at the next start."""
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    async def _send(self, operation: Operation) -> None:
        try:
            prepared = await self._prepare(operation)
            if not self._wanted(operation):
                return
            value = await self._perform(prepared)
        except TransientError as error:
            await self._postpone(operation, str(error), uncertain=isinstance(error, UncertainError))
        except PermanentError as error:
            await self._end(partial(outcomes.failed, operation, str(error)), operation, "failed")
        else:
            await self._end(partial(outcomes.succeeded, operation, value), operation, "done")

    async def _perform(self, operation: Operation) -> dict[str, Any]:
        """One try, within its verb's time; where the other side may not know keys, uncertain ends are observed first.

        Raises:
            UncertainError: it may have had its effect.
        """
        if operation.verb in OBSERVED:
            if operation.stage is Stage.SENT and await self._observed(operation):
                return {}
            # Said before the call: whoever comes after a crash must know that it may have been made.
            await self._mark_sent(operation)
        seconds = self._pace(operation.verb).seconds
        try:
            return await asyncio.wait_for(self._driver.perform(operation), seconds)
        except TimeoutError as error:
            raise UncertainError(f"{operation.verb} did not end within {seconds:.0f} s") from error

    async def _observed(self, operation: Operation) -> bool:
        return isinstance(self._driver, Observer) and bool(await self._driver.observed(operation))

    async def _mark_sent(self, operation: Operation) -> None:
        async with self._ledger.writing() as draft:
            if _still_wanted(draft, operation):
                draft.put(replace(draft.get(Operation, operation.key) or operation, stage=Stage.SENT))

    def _wanted(self, operation: Operation) -> bool:
        """Still in the journal as it was taken from it: preparing takes time, in which it may be given up."""
        known = self._ledger.get(Operation, operation.key)
        return known is not None and _life(known) == _life(operation)

    async def _postpone(self, operation: Operation, text: str, *, uncertain: bool) -> None:
        again = True
        async with self._ledger.writing() as draft:
            # What was given up while it flew stays so.
            if _still_wanted(draft, operation) and _open(draft, operation):
                again = outcomes.postponed(operation, text, draft, self._clock.now(), uncertain=uncertain)
        self._counter.operated(operation.verb, "postponed" if again else "failed")
        if not again:
            self._release(operation)

    async def _end(self, record: Callable[[Draft, datetime], None], operation: Operation, result: str) -> None:
        async with self._ledger.writing() as draft:
            # Deleted while it flew: its effect was given up, and what it made is condemned already.
            if not _still_wanted(draft, operation):
                return
            record(draft, self._clock.now())
        self._counter.operated(operation.verb, result)
        self._release(operation)

    def _release(self, operation: Operation) -> None:
        """Whoever waits for its end has it."""
        final = self._ledger.get(Operation, operation.key) or operation
        for waiter in self._waiting.pop(operation.key, []):
            if not waiter.done():
                waiter.set_result(final)


def _due(operation: Operation, reachable: frozenset[str], frozen: str, now: datetime) -> bool:
    if frozen and operation.origin is Origin.AUTOMATIC:
        return False
    if operation.host and operation.host not in reachable:
        return False
    return operation.not_before is None or operation.not_before <= now


def _life(operation: Operation) -> Life:
    return operation.key, operation.written_at


def _open(draft: Draft, operation: Operation) -> bool:
    known = draft.get(Operation, operation.key)
    return known is not None and known.open


def _still_wanted(draft: Draft, operation: Operation) -> bool:
    """Neither deleted while it flew, nor given up and written anew."""
    known = draft.get(Operation, operation.key)
    return known is not None and _life(known) == _life(operation)
