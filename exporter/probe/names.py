"""Names to addresses, looked up ahead: no probe waits for a name server, and one that is away changes nothing."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from functools import partial

from exporter.clock import Clock
from exporter.probe.plan import family_of
from exporter.workers import Workers

log = logging.getLogger(__name__)

REFRESH_SECONDS = 30.0
LOOKUP_SECONDS = 10.0
AT_ONCE = 4


class Names:
    """``addresses`` keeps the last answer for each name; empty for one that has none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workers = Workers(AT_ONCE)
        self._wanted: frozenset[str] = frozenset()
        self._more = asyncio.Event()
        self.addresses: dict[str, tuple[str, ...]] = {}

    def want(self, names: Iterable[str]) -> None:
        """Keep these up to date, and no others."""
        self._wanted = frozenset(names)
        self.addresses = {name: found for name, found in self.addresses.items() if name in self._wanted}
        self._more.set()

    async def run(self, on_change: Callable[[], None]) -> None:
        """Look up for ever; ``on_change`` is called when an address is another one."""
        while True:
            self._more.clear()
            before = dict(self.addresses)
            await self._refresh()
            if self.addresses != before:
                on_change()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._more.wait()

    async def _refresh(self) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def refresh(name: str) -> None:
            async with room:
                found = await self.look_up(name)
            if found or name not in self.addresses:
                self.addresses[name] = found

        await asyncio.gather(*(refresh(name) for name in self._wanted))

    async def look_up(self, name: str) -> tuple[str, ...]:
        """Its addresses in the resolver's order; none if there are none, or the answer takes too long."""
        future = self._workers.submit(partial(socket.getaddrinfo, name, None, type=socket.SOCK_STREAM))
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await asyncio.wrap_future(future)
        except (OSError, UnicodeError, TimeoutError) as error:
            self._workers.abandon(future)
            log.info("%s: %s", name, error)
            return ()
        return tuple(dict.fromkeys(str(one[4][0]) for one in found))


def choose(addresses: Iterable[str], *, prefer_ip6: bool) -> str:
    """The first of the family that is preferred, else the first; empty without any."""
    family = socket.AF_INET6 if prefer_ip6 else socket.AF_INET
    every = list(addresses)
    return next((one for one in every if family_of(one) == family), every[0] if every else "")


def numeric(host: str) -> str:
    """The address as the kernel writes it; empty for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""
