"""Several remediators on one PostgreSQL: each waits for its turn, leads while it holds the lease, and waits again."""

import asyncio
import logging
import math
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from remediator.api.follower import build_follower_app
from remediator.clock import Clock
from remediator.drivers.leased import Leased
from remediator.drivers.protocol import Driver
from remediator.journal.lease import Lease
from remediator.journal.opening import open_journal, open_leases, open_led
from remediator.journal.protocol import Journal, LeaseLost
from remediator.listeners import listen_on
from remediator.runtime.leadership import Leadership
from remediator.settings import Settings

log = logging.getLogger("fleetmend.turns")
SHARD = "fleet"


@dataclass(frozen=True, slots=True)
class Seat:
    """What one acts from: the journal, for how many seconds one still may, and what ends when one no longer may."""

    journal: Journal
    left: Callable[[], float]
    keep: Callable[[], Coroutine[Any, Any, None]]

    def lost(self) -> str:
        """Why one may not act any more, empty while one may."""
        return "" if self.left() > 0 else "the lease is at its end"

    def bound(self, drivers: Mapping[str, Driver]) -> dict[str, Driver]:
        """Those drivers, none of whose calls outlasts the seat."""
        if math.isinf(self.left()):
            return dict(drivers)
        return {verb: Leased(driver, self.left) for verb, driver in drivers.items()}


async def forever() -> None:
    """What keeps the seat of one who has it alone."""
    await asyncio.Event().wait()


async def take_turns(
    settings: Settings, clock: Clock, stopped: asyncio.Event, stint: Callable[[Seat], Awaitable[None]]
) -> None:
    """Run ``stint`` whenever it is our turn, until ``stopped``; on SQLite it is ours alone.

    Raises:
        BadInput, JournalUnusable: one clear text each.
    """
    if not settings.journal:
        await stint(Seat(open_journal(settings.data), lambda: math.inf, forever))
        return
    office = await asyncio.to_thread(open_leases, settings.journal, settings.journal_password_file)
    # Of this process: a second copy started by mistake is another candidate, not the same leader twice.
    holder = f"{settings.name or socket.gethostname()}-{secrets.token_hex(3)}"
    leadership = Leadership(office, SHARD, holder, settings.leader_lease, clock)
    try:
        while lease := await _turn(settings, leadership, stopped):
            await _lead(settings, leadership, lease, stint)
    finally:
        leadership.close()


async def _turn(settings: Settings, leadership: Leadership, stopped: asyncio.Event) -> Lease | None:
    """The lease, once it is ours; None when we are stopped first. Meanwhile people are told who leads."""
    async with AsyncExitStack() as stack:
        for places, key in ((settings.listen, "listen"), (settings.fleet_listen, "fleet_listen")):
            app = build_follower_app(leadership.holder, lambda: leadership.leader)
            await listen_on(stack, app, places, key)
        seeking, stopping = asyncio.create_task(leadership.seek()), asyncio.create_task(stopped.wait())
        await asyncio.wait([seeking, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not stopped.is_set():
            return seeking.result()
        seeking.cancel()
        await asyncio.gather(seeking, return_exceptions=True)
    await leadership.resign()
    return None


async def _lead(
    settings: Settings, leadership: Leadership, lease: Lease, stint: Callable[[Seat], Awaitable[None]]
) -> None:
    log.info("%s leads", leadership.holder)
    place = (settings.journal, settings.journal_password_file)
    try:
        journal = await asyncio.to_thread(open_led, settings.data, *place, lease)
        await stint(Seat(journal, leadership.left, leadership.keep))
    except LeaseLost as error:
        log.warning("no longer leading: %s", error)
    finally:
        await leadership.resign()
