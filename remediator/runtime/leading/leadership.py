"""Who leads: of several remediators the one that holds the lease, and it knows by its own clock until when."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol, TypeVar

from remediator.clock import Clock
from remediator.journal.lease import Lease
from remediator.journal.protocol import LeaseLost
from remediator.model.errors import TransientError

log = logging.getLogger("fleetmend.leadership")
T = TypeVar("T")
SEEK_SECONDS = 0.25
# We stop this long before the lease does: what is on its way then still ends within it.
MARGIN_SECONDS = 0.3


class Office(Protocol):
    """Where leases are given, by a clock that all candidates share; synchronous.

    Implementers owe: a term that only grows, and no two holders at one moment. ``LeaseLost`` when it is gone,
    ``TransientError`` when nobody can be asked.
    """

    def take_lease(self, shard: str, holder: str, seconds: float) -> Lease | None: ...

    def renew(self, lease: Lease) -> Lease: ...

    def release(self, lease: Lease) -> None: ...

    def current(self, shard: str) -> Lease | None: ...

    def close(self) -> None: ...


class Leadership:
    """One candidate for one shard; ``leader`` is who was last seen to lead."""

    def __init__(self, office: Office, shard: str, holder: str, length: timedelta, clock: Clock) -> None:
        # Whether it is worth asking for the lease now.
        self.may_ask: Callable[[], bool] = lambda: True
        self._office = office
        self.shard = shard
        self.holder = holder
        self._length = length.total_seconds()
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "lease")
        self._deadline = 0.0
        self._lease: Lease | None = None
        self.leader = ""

    @property
    def lease(self) -> Lease | None:
        """Ours, while we lead."""
        return self._lease

    def left(self) -> float:
        """Seconds for which we may still act; 0 or less without a lease, or too near its end."""
        return self._deadline - self._clock.monotonic() - MARGIN_SECONDS if self._lease else 0.0

    async def seek(self) -> Lease:
        """Ask until the lease is ours."""
        said = ""
        while True:
            while not self.may_ask():
                await self._clock.sleep(SEEK_SECONDS / 5)
            try:
                lease = await self._take()
                if lease is not None:
                    return lease
                told = f"{self.leader or 'somebody'} leads; waiting"
            except TransientError as error:
                told = f"the lease cannot be asked for: {error}"
            if told != said:
                log.info("%s", told)
                said = told
            await self._clock.sleep(SEEK_SECONDS)

    async def keep(self) -> None:
        """Renew the lease for as long as that succeeds.

        Raises:
            LeaseLost: another leads, or the lease could not be renewed in time.
        """
        while self._lease is not None:
            await self._clock.sleep(min(self._length / 4, max(0.0, self.left())))
            try:
                await self._renewed(self._lease)
            except (TransientError, TimeoutError) as error:
                log.warning("the lease is not renewed: %s", str(error) or "no answer in time")
            if self.left() <= 0:
                self._lease = None
                raise LeaseLost(f"the lease of {self.shard!r} could not be renewed in time")

    async def resign(self) -> None:
        """Let others take over at once, if the lease is still ours; then close."""
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                await self._ask(lambda: self._office.release(lease))
            except (TransientError, LeaseLost) as error:
                log.warning("the lease is left to run out: %s", error)

    def close(self) -> None:
        self._thread.submit(self._office.close)
        self._thread.shutdown(wait=False)

    async def _take(self) -> Lease | None:
        asked = self._clock.monotonic()
        lease = await self._ask(lambda: self._office.take_lease(self.shard, self.holder, self._length))
        if lease is None:
            known = await self._ask(lambda: self._office.current(self.shard))
            self.leader = known.holder if known else ""
            return None
        self._lease, self._deadline, self.leader = lease, asked + self._length, self.holder
        return lease

    async def _renewed(self, lease: Lease) -> None:
        asked = self._clock.monotonic()
        # No longer than the lease lasts: its end must not wait for an answer.
        self._lease = await asyncio.wait_for(self._ask(lambda: self._office.renew(lease)), max(0.0, self.left()))
        self._deadline = asked + self._length

    async def _ask(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)
