"""What one acts from while one leads."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from remediator.drivers.leased import Leased
from remediator.drivers.protocol import Driver
from remediator.journal.commons import Commons
from remediator.journal.lease import Lease
from remediator.journal.protocol import Journal
from remediator.runtime.leading.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Shared:
    """What the leader of one of several shards shares with the others, and the lease under which it speaks."""

    shard: str
    regions: frozenset[str]
    commons: Commons
    lease: Callable[[], Lease | None]


def _nobody(_: Callable[[str], bool]) -> None:
    """Nobody asks whether we know a word."""


@dataclass(frozen=True, slots=True)
class Seat:
    """The journal, for how many seconds one still may act, and what ends when one no longer may.

    ``place`` is where this journal's own files are, ``listen`` opens an application under a setting's name. ``heard``
    is the evidence that was kept while another led, ``knows`` is told how to ask whether this shard knows a word.
    """

    journal: Journal
    left: Callable[[], float]
    keep: Callable[[], Coroutine[Any, Any, None]]
    place: Path
    listen: Callable[[AsyncExitStack, web.Application, str], Awaitable[None]]
    shared: Shared | None = None
    heard: Waiting | None = None
    knows: Callable[[Callable[[str], bool]], None] = _nobody

    def lost(self) -> str:
        """Why one may not act any more, empty while one may."""
        return "" if self.left() > 0 else "the lease is at its end"

    def leads(self, region: str) -> bool:
        """Whether hosts of that region are this one's to lead."""
        return self.shared is None or region in self.shared.regions

    def bound(self, drivers: Mapping[str, Driver]) -> dict[str, Driver]:
        """Those drivers, none of whose calls outlasts the seat."""
        if math.isinf(self.left()):
            return dict(drivers)
        return {verb: Leased(driver, self.left) for verb, driver in drivers.items()}


Stint = Callable[[Seat], Awaitable[None]]


async def forever() -> None:
    """What keeps the seat of one who has it alone."""
    await asyncio.Event().wait()
