"""Several remediators on one PostgreSQL: each waits for its turn, leads while it holds the lease, and waits again.

With shards there is a turn for each, side by side in one process; without, one leads the whole fleet.
"""

import asyncio
import logging
import math
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from remediator.api.public import LARGEST_BODY
from remediator.api.shards.front import Front
from remediator.api.shards.mounts import Mount
from remediator.api.tenants.auth import passed_on
from remediator.clock import Clock
from remediator.journal.commons import Candidate
from remediator.journal.lease import Lease
from remediator.journal.opening import open_commons, open_journal, open_leases, open_led
from remediator.journal.protocol import Journal, LeaseLost
from remediator.keyring import load_keys
from remediator.listeners import listen_on, scrape_address
from remediator.runtime.leading.leadership import Leadership
from remediator.runtime.leading.rollcall import RollCall
from remediator.runtime.leading.waiting import Waiting
from remediator.settings import InventoryHost, Settings
from remediator.turns.following import Following
from remediator.turns.seat import Seat, Shared, Stint, forever

log = logging.getLogger("fleetmend.turns")
SHARD = "fleet"
_LOOK_SECONDS = 1.0
# What is on its way when the lease is lost has so long to end by itself.
_LET_GO_SECONDS = 2.0
_LISTENERS = ("listen", "fleet_listen")
_DOORS = {"listen": "web", "fleet_listen": "fleet_web"}


def shards_of(settings: Settings, inventory: Iterable[InventoryHost]) -> dict[str, tuple[str, ...]]:
    """The regions of each shard; of one shard alone none are named, for it is the whole fleet."""
    if not settings.shards:
        return {SHARD: ()}
    if isinstance(settings.shards, str):
        return {region: (region,) for region in sorted({host.region for host in inventory})} or {SHARD: ()}
    return dict(sorted(settings.shards.items()))


async def take_turns(
    settings: Settings, inventory: Mapping[str, InventoryHost], clock: Clock, stopped: asyncio.Event, stint: Stint
) -> None:
    """Run ``stint`` whenever it is our turn, until ``stopped``; on SQLite it is ours alone.

    Raises:
        BadInput, JournalUnusable: one clear text each.
    """
    if not settings.journal:

        async def listen(stack: AsyncExitStack, app: web.Application, key: str) -> None:
            await listen_on(stack, app, getattr(settings, key), key, door=getattr(settings, _DOORS[key]))

        await stint(Seat(open_journal(settings.data), lambda: math.inf, forever, settings.data, listen))
        return
    shards = shards_of(settings, inventory.values())
    if settings.shards:
        # Once: what leads two shards at once must not make them twice.
        load_keys(settings.data)
    for shard in shards:
        office = await asyncio.to_thread(open_leases, settings.journal, settings.journal_password_file, shard)
        office.close()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        house = House(settings, shards, session, clock)
        stack.callback(house.close)
        await house.listen(stack)
        await house.run(stopped, stint)


class House:
    """One process of several: its door, the roll call, and a turn for each shard."""

    def __init__(
        self,
        settings: Settings,
        shards: Mapping[str, tuple[str, ...]],
        session: aiohttp.ClientSession,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._shards = shards
        self._several = bool(settings.shards)
        self._clock = clock
        self._place = settings.journal, settings.journal_password_file
        name = settings.name or socket.gethostname()
        scheme = "https" if settings.web.tls else "http"
        url = settings.peer_url or f"{scheme}://{scrape_address(settings.listen)}"
        # Of this process: a second copy started by mistake is another candidate, not the same leader twice.
        me = Candidate(f"{name}-{secrets.token_hex(3)}", name, url, settings.prefer)
        self._holder = me.holder
        self._roll = RollCall(open_commons(*self._place), me, tuple(shards), clock, preferring=self._several)
        self._following = Following(settings, lambda: open_commons(*self._place), self._folder, clock)
        self._front = Front(shards, self._roll, session)
        onlookers, token = settings.web.onlookers, load_keys(settings.data).operator_token
        self._front.passing = lambda request: passed_on(request, onlookers, token)
        self._roll.freeze, self._front.frozen = self._following.told, self._roll.spread

    async def listen(self, stack: AsyncExitStack) -> None:
        """Open the door, knowing who else is there.

        Raises:
            BadInput: an address is in use or cannot be bound.
        """
        await self._roll.beat()
        settings, front = self._settings, self._front
        await listen_on(stack, front.public_app(LARGEST_BODY), settings.listen, "listen", door=settings.web)
        fleet = front.fleet_app(LARGEST_BODY)
        await listen_on(stack, fleet, settings.fleet_listen, "fleet_listen", door=settings.fleet_web)

    async def run(self, stopped: asyncio.Event, stint: Stint) -> None:
        """Until stopped; the end of any part with an error is the end of all."""
        turns = [asyncio.create_task(self._turns(shard, stopped, stint)) for shard in self._shards]
        work: list[asyncio.Future[Any]] = [asyncio.gather(*turns), asyncio.create_task(self._roll.run())]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*turns, *work):
                task.cancel()
            await asyncio.gather(*turns, *work, return_exceptions=True)
        for task in done:
            task.result()

    def close(self) -> None:
        self._roll.close()

    async def _turns(self, shard: str, stopped: asyncio.Event, stint: Stint) -> None:
        """Seek, lead, and seek again."""
        office = await asyncio.to_thread(open_leases, *self._place, shard)
        leadership = Leadership(office, shard, self._holder, self._settings.leader_lease, self._clock)
        leadership.may_ask = lambda: self._roll.may_ask(shard)
        try:
            while not stopped.is_set():
                await self._once(leadership, stopped, stint)
        finally:
            leadership.close()

    async def _once(self, leadership: Leadership, stopped: asyncio.Event, stint: Stint) -> None:
        waiting = self._following.waiting(leadership.shard)
        listening = asyncio.create_task(waiting.run())
        try:
            if lease := await self._turn(leadership, waiting, stopped):
                await self._lead(leadership, lease, waiting, stint)
        finally:
            waiting.close()
            await listening

    async def _turn(self, leadership: Leadership, waiting: Waiting, stopped: asyncio.Event) -> Lease | None:
        """The lease, once it is ours; None when we are stopped first. Evidence is kept meanwhile."""
        shard = leadership.shard
        handlers = self._following.handlers(waiting, lambda: self._roll.leader_of(shard))
        self._front.follow(shard, handlers)
        seeking = asyncio.create_task(leadership.seek())
        stopping = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait([seeking, stopping], return_when=asyncio.FIRST_COMPLETED)
            if seeking.done():
                return seeking.result()
        finally:
            for task in (seeking, stopping):
                task.cancel()
            await asyncio.gather(seeking, stopping, return_exceptions=True)
        await leadership.resign()
        return None

    async def _lead(self, leadership: Leadership, lease: Lease, waiting: Waiting, stint: Stint) -> None:
        log.info("%s leads %s", leadership.holder, lease.shard)
        mount = Mount(lease.shard)
        # From the first moment on: a large journal takes longer to be read than a lease lasts.
        keeping = asyncio.create_task(self._keep(leadership))
        try:
            journal = await asyncio.to_thread(open_led, self._settings.data, *self._place, lease)
            keeping.add_done_callback(partial(_let_go, journal))
            await stint(self._seat(leadership, journal, mount, waiting, keeping))
        except LeaseLost as error:
            log.warning("no longer leading: %s", error)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await leadership.resign()

    async def _keep(self, leadership: Leadership) -> None:
        """Until the lease is lost, or is given back to whom the shard belongs."""
        renewing = asyncio.create_task(leadership.keep())
        try:
            while not self._roll.give_back(leadership.shard):
                done, _ = await asyncio.wait([renewing], timeout=_LOOK_SECONDS)
                if done:
                    renewing.result()
                    return
            log.info("%s gives %s back", leadership.holder, leadership.shard)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    def _folder(self, shard: str) -> Path:
        """Where this shard's own files are."""
        if not self._several:
            return self._settings.data
        place = self._settings.data / "shards" / shard
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    def _seat(
        self,
        leadership: Leadership,
        journal: Journal,
        mount: Mount,
        waiting: Waiting,
        keeping: "asyncio.Task[None]",
    ) -> Seat:
        shard = mount.shard

        async def keep() -> None:
            await asyncio.shield(keeping)

        async def listen(stack: AsyncExitStack, app: web.Application, key: str) -> None:
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            mount.apps[key] = runner
            if all(each in mount.apps for each in _LISTENERS):
                waiting.close()
                # The first thing to end with the stint: what is asked of us then is not ours to answer.
                stack.push_async_callback(self._front.leave, mount)
                await self._front.lead(mount)

        def knows(known: Callable[[str], bool]) -> None:
            mount.knows = known

        place, shared = self._folder(shard), None
        if self._several:
            regions = frozenset(self._shards[shard])
            shared = Shared(shard, regions, open_commons(*self._place), lambda: leadership.lease)
        return Seat(journal, leadership.left, keep, place, listen, shared, waiting, knows)


def _let_go(journal: Journal, keeping: "asyncio.Task[None]") -> None:
    """Once the lease is lost no commit counts any more: one that hangs must not keep us from ending."""
    if not keeping.cancelled() and keeping.exception():
        asyncio.get_running_loop().call_later(_LET_GO_SECONDS, journal.break_off)
