"""Connections: a bounded number, and none for ever without a step of its client.

aiohttp parses and answers; here is what it leaves open: how long a client may take for the head of its request, for
the body, and for taking the answer, and how many clients there may be.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from remediator.api.answers import problem

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

log = logging.getLogger("fleetmend.doors")
# Every write is told by the audit; a line for each request would be for nobody.
QUIET = logging.getLogger("fleetmend.doors.access")
QUIET.disabled = True


@dataclass(frozen=True, slots=True)
class Patience:
    """How many connections there may be (0: any number), and the seconds that a client has for each of its steps.

    ``greeting`` is for the first request's head, ``body`` for what it sends, ``taking`` for the answer, ``idle`` for
    the next request: Prometheus keeps a connection for five minutes.
    """

    most: int = 1024
    greeting: float = 10.0
    body: float = 30.0
    taking: float = 60.0
    idle: float = 330.0


class Guest(web.RequestHandler):
    """One connection, with a timer for its client's next step."""

    __slots__ = ("_door", "_timer", "busy", "since")

    def __init__(self, door: "Door", server: web.Server) -> None:
        idle = door.patience.idle
        super().__init__(server, loop=asyncio.get_running_loop(), access_log=QUIET, keepalive_timeout=idle)
        self._door = door
        self._timer: asyncio.TimerHandle | None = None
        self.busy = False
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._door.admit(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.unlimit()
        self._door.guests.discard(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        """What is no HTTP, in the API's shape; any port scan makes some, so nothing is told of it."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if isinstance(exc, ConnectionError):
            raise exc
        if status >= 500:
            log.error("a request failed: %s", type(exc).__name__)
        text = "internal" if status >= 500 else "invalid request: this is not HTTP as it is spoken here"
        refused = problem(status, text, "internal" if status >= 500 else "invalid")
        refused.force_close()
        return refused

    def limit(self, seconds: float) -> None:
        """Drop the connection then, unless its client has made its step."""
        self.unlimit()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.drop)

    def unlimit(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def drop(self) -> None:
        self.unlimit()
        if self.transport:
            self.transport.abort()


class Door:
    """Who is connected to one listener."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.guests: set[Guest] = set()

    def admit(self, guest: Guest) -> None:
        """Where there are too many, the one that has idled longest goes, or else the new one."""
        if 0 < self.patience.most <= len(self.guests):
            idle = min((one for one in self.guests if not one.busy), key=lambda one: one.since, default=guest)
            idle.drop()
            self.guests.discard(idle)
            if idle is guest:
                return
        self.guests.add(guest)
        guest.since = asyncio.get_running_loop().time()
        guest.limit(self.patience.greeting)

    def around(self, handler: Answer) -> Answer:
        """The server's own handler, with each step of the client timed.

        Around it, not as a middleware: with one, aiohttp resolves a request for this application once and for all,
        and some are handed on to another.
        """

        async def attended(request: web.BaseRequest) -> web.StreamResponse:
            guest = request.protocol
            return await (self._attend(guest, request, handler) if isinstance(guest, Guest) else handler(request))

        return attended

    async def _attend(self, guest: Guest, request: web.BaseRequest, handler: Answer) -> web.StreamResponse:
        guest.busy = True
        guest.unlimit()
        if request.body_exists and not request.content.is_eof():
            guest.limit(self.patience.body)
            request.content.on_eof(guest.unlimit)
        try:
            response = await handler(request)
            if not response.prepared:
                guest.limit(self.patience.taking)
                # If it cannot be sent, the client has gone, and aiohttp sees the same.
                with contextlib.suppress(ConnectionError):
                    await response.prepare(request)
                    await response.write_eof()
            return response
        finally:
            guest.busy = False
            guest.since = asyncio.get_running_loop().time()
            if guest in self.guests:
                guest.limit(self.patience.idle)
