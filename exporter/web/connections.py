"""Open connections: a bounded number, and none for ever without a step of its client."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

log = logging.getLogger(__name__)

Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]
ChooseContext = Callable[[], Awaitable[ssl.SSLContext | None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How many connections there may be, and the seconds that a client has for each of its steps.

    ``greeting`` is for the TLS handshake and the first request, ``taking`` for the answer, ``idle`` for the next
    request: Prometheus keeps a connection for five minutes.
    """

    most: int = 256
    greeting: float = 10.0
    taking: float = 60.0
    idle: float = 330.0


class Visit:
    """One connection: until its first request, at work on one, or between two of them."""

    def __init__(self, protocol: web.RequestHandler) -> None:
        self.protocol = protocol
        self.greeting: asyncio.Task[None] | None = None
        self.busy = False
        self.since = asyncio.get_running_loop().time()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self.protocol.transport is not None or (self.greeting is not None and not self.greeting.done())

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
        if self.protocol.transport:
            self.protocol.transport.abort()
        elif self.greeting:
            self.greeting.cancel()


class Connections:
    """Takes connections and answers their requests with ``answer``, each connection under its own TLS context."""

    def __init__(self, answer: Answer, choose_context: ChooseContext | None, patience: Patience) -> None:
        self._answer = answer
        self._choose_context = choose_context
        self._patience = patience
        self._visits: dict[web.RequestHandler, Visit] = {}
        self._server = web.Server(
            self._handle, access_log=None, keepalive_timeout=patience.idle, lingering_time=1.0, logger=request_log()
        )

    async def take(self, listener: socket.socket) -> None:
        """Accept connections for ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError as error:
                # No file descriptor is left, say. Those that are open go on; the others wait.
                log.warning("cannot accept connections: %s", error)
                await asyncio.sleep(1)
                continue
            self.open(accepted)

    def open(self, accepted: socket.socket) -> None:
        """Begin a visit; where there are too many, the one that has idled longest goes, or else the new one."""
        self._visits = {protocol: visit for protocol, visit in self._visits.items() if visit.is_open}
        if len(self._visits) >= self._patience.most:
            idle = min(
                (one for one in self._visits.values() if not one.busy), key=lambda one: one.since, default=None
            )
            if idle is None:
                accepted.close()
                return
            idle.drop()
            del self._visits[idle.protocol]
        visit = Visit(self._server())
        visit.limit(self._patience.greeting)
        self._visits[visit.protocol] = visit
        visit.greeting = asyncio.create_task(self._greet(accepted, visit))

    async def _greet(self, accepted: socket.socket, visit: Visit) -> None:
        greeted = False
        try:
            context = await self._choose_context() if self._choose_context else None
            await asyncio.get_running_loop().connect_accepted_socket(lambda: visit.protocol, accepted, ssl=context)
            greeted = True
        except OSError as error:
            # What is no TLS, a certificate that is not trusted, a client that went away: its own affair.
            log.debug("no connection: %s", error)
        finally:
            if not greeted:
                visit.unlimit()
                accepted.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # One that was dropped just now may still have sent a request.
        visit = self._visits.get(request.protocol) or Visit(request.protocol)
        visit.unlimit()
        visit.busy = True
        try:
            response = await self._answer(request)
            visit.limit(self._patience.taking)
            # If it cannot be sent, the client has gone, and who called us sees the same.
            with contextlib.suppress(ConnectionError):
                await response.prepare(request)
                await response.write_eof()
            return response
        finally:
            visit.unlimit()
            visit.busy = False
            visit.since = asyncio.get_running_loop().time()

    async def close(self, seconds: float) -> None:
        """Open requests get so long to end."""
        for visit in self._visits.values():
            visit.unlimit()
            if visit.greeting:
                visit.greeting.cancel()
        self._server.pre_shutdown()
        await self._server.shutdown(seconds)


def request_log() -> logging.Logger:
    """Bugs of ours are told; requests that are not HTTP are not: any port scan makes some."""
    found = logging.getLogger(f"{__name__}.requests")
    if not found.filters:
        found.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))
    return found
