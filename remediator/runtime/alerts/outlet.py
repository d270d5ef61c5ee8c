"""The way to one Alertmanager: a bounded queue in which only the newest word on each alert waits."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from remediator.clock import Clock
from remediator.model.errors import PermanentError, TransientError

log = logging.getLogger("fleetmend.notifier")
CAPACITY = 50_000
BATCH = 256
BATCH_BYTES = 256 * 1024
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0


class Manager(Protocol):
    """Whom alerts are posted to; raises ``TransientError`` for later, ``PermanentError`` for never."""

    place: str

    async def post(self, body: bytes) -> None: ...


class Outlet:
    """Posts what waits, as it comes; a dead Alertmanager fills this queue and holds up nobody else."""

    def __init__(self, manager: Manager, clock: Clock, capacity: int = CAPACITY) -> None:
        self._manager = manager
        self._clock = clock
        self._capacity = capacity
        self._waiting: dict[str, bytes] = {}
        self._woken = asyncio.Event()
        self.sent = self.failed = self.dropped = self.posts = 0
        self.seconds = 0.0
        self.trouble = ""

    @property
    def place(self) -> str:
        return self._manager.place

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def offer(self, notices: Mapping[str, bytes]) -> None:
        """Newer words replace older ones of the same key, in their place; beyond the capacity the oldest go."""
        self._waiting.update(notices)
        while len(self._waiting) > self._capacity:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1
        self._woken.set()

    async def run(self) -> None:
        """Post for ever."""
        wait = _FIRST_WAIT
        while True:
            await self._woken.wait()
            if await self.post_some():
                wait = _FIRST_WAIT
            else:
                await self._clock.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def post_some(self) -> bool:
        """One batch of what waits; False if it waits on, for the Alertmanager cannot take it now."""
        batch = self._batch()
        if not batch:
            return True
        began = self._clock.monotonic()
        try:
            await self._manager.post(b"[" + b",".join(batch.values()) + b"]")
        except TransientError as error:
            self._again(batch, str(error))
            return False
        except PermanentError as error:
            self.failed += len(batch)
            self._told(str(error))
            return True
        finally:
            self.posts += 1
            self.seconds += self._clock.monotonic() - began
        self.sent += len(batch)
        self._told("")
        return True

    def _batch(self) -> dict[str, bytes]:
        """The first that wait, few and small enough for one request."""
        batch: dict[str, bytes] = {}
        size = 0
        while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
            key = next(iter(self._waiting))
            batch[key] = self._waiting.pop(key)
            size += len(batch[key])
        if not self._waiting:
            self._woken.clear()
        return batch

    def _again(self, batch: dict[str, bytes], error: str) -> None:
        """Back to the front of the queue, but for what was said anew meanwhile."""
        self.failed += len(batch)
        waiting, self._waiting = self._waiting, batch
        self.offer(waiting)
        self._told(error)

    def _told(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.error("alertmanager %s: %s", self.place, trouble)
        elif self.trouble and not trouble:
            log.info("alertmanager %s takes alerts again", self.place)
        self.trouble = trouble
