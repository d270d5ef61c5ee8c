"""The outbox: operations that are written down are sent, each once at a time, until they end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Protocol

from remediator.clock import Clock
from remediator.drivers.protocol import Driver
from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation, Origin
from remediator.runtime import outcomes
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

    def __init__(self, ledger: Ledger, driver: Driver, prepare: Prepare, clock: Clock, counter: Counter) -> None:
        self._ledger = ledger
        self._driver = driver
        self._prepare = prepare
        self._clock = clock
        self._counter = counter
        self._flying: dict[Life, asyncio.Task[None]] = {}
        self._waiting: dict[str, list[asyncio.Future[Operation]]] = {}

    def send_due(self, reachable: frozenset[str], frozen: str, now: datetime) -> None:
        """Start whatever is due; operations for hosts that are away wait without trying."""
        for operation in list(self._ledger.all(Operation).values()):
            life = _life(operation)
            if operation.open and life not in self._flying and _due(operation, reachable, frozen, now):
                task = asyncio.create_task(self._send(operation), name=operation.key)
                self._flying[life] = task
                task.add_done_callback(partial(self._landed, life))

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
            value = await self._driver.perform(prepared)
        except TransientError as error:
            await self._postpone(operation, str(error))
        except PermanentError as error:
            await self._end(partial(outcomes.failed, operation, str(error)), operation, "failed")
        else:
            await self._end(partial(outcomes.succeeded, operation, value), operation, "done")

    def _wanted(self, operation: Operation) -> bool:
        """Still in the journal as it was taken from it: preparing takes time, in which it may be given up."""
        known = self._ledger.get(Operation, operation.key)
        return known is not None and _life(known) == _life(operation)

    async def _postpone(self, operation: Operation, text: str) -> None:
        async with self._ledger.writing() as draft:
            if _still_wanted(draft, operation):
                outcomes.postponed(operation, text, draft, self._clock.now())
        self._counter.operated(operation.verb, "postponed")

    async def _end(self, record: Callable[[Draft, datetime], None], operation: Operation, result: str) -> None:
        async with self._ledger.writing() as draft:
            # Deleted while it flew: its effect was given up, and what it made is condemned already.
            if not _still_wanted(draft, operation):
                return
            record(draft, self._clock.now())
        self._counter.operated(operation.verb, result)
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


def _still_wanted(draft: Draft, operation: Operation) -> bool:
    """Neither deleted while it flew, nor given up and written anew."""
    known = draft.get(Operation, operation.key)
    return known is not None and _life(known) == _life(operation)
