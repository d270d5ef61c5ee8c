"""Once a minute, and when what matters has changed, off the loop: each host as if it died now."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from itertools import islice

from remediator.clock import Clock
from remediator.engine.whatif import Assumptions, Fate, Outlook, stage, whatif
from remediator.model.errors import FleetmendError
from remediator.model.fleet import Fleet

log = logging.getLogger("fleetmend.whatif")
EVERY = 60.0
# A slice of work, then a pause of four: never more than a fifth of a core, however large the fleet.
SLICE = 0.05
PAUSES = 4
CHECKED_EVERY = 5.0
_FAILURES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, FleetmendError)


class WhatIf:
    """Keeps the newest outlook; a look that fails keeps the one before and is told.

    ``mark`` is cheap and differs when a look is worth while before its time: other rules, a gate that closed.
    """

    def __init__(
        self,
        fleet: Callable[[], Fleet],
        assumed: Callable[[], Assumptions],
        clock: Clock,
        mark: Callable[[], object] = bool,
    ) -> None:
        self._fleet = fleet
        self._assumed = assumed
        self._clock = clock
        self._mark = mark
        self.outlook = Outlook()

    async def run(self) -> None:
        looked, mark = -EVERY, self._mark()
        while True:
            await self._clock.sleep(CHECKED_EVERY)
            now, seen = self._clock.monotonic(), self._mark()
            if seen != mark or now - looked >= EVERY:
                looked, mark = now, seen
                await self._look_safely()

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except _FAILURES:
            log.exception("the look at what could be done failed")

    async def look(self) -> Outlook:
        """Play every host's death through the rules in force, a few hosts at a time, in a thread."""
        assumed, fleet, now = self._assumed(), self._fleet(), self._clock.now()
        began = self._clock.monotonic()
        fates: list[Fate] = []
        coming = whatif(assumed, await asyncio.to_thread(stage, fleet), now)
        while some := await asyncio.to_thread(self._slice, coming):
            fates += some
            await self._clock.sleep(SLICE * PAUSES)
        took = self._clock.monotonic() - began
        self.outlook = Outlook(now, assumed.policy.digest, took, tuple(fates))
        return self.outlook

    def _slice(self, coming: Iterator[Fate]) -> list[Fate]:
        """As many fates as fit into a slice, one at least; none when there are no more."""
        ends = self._clock.monotonic() + SLICE
        found = list(islice(coming, 1))
        while found and self._clock.monotonic() < ends and (more := list(islice(coming, 1))):
            found += more
        return found
