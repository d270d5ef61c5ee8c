"""Sockets for the applications: HOST:PORT, or fd:N for one that we inherited; plain or with TLS."""

import asyncio
import os
import socket
import ssl
from contextlib import AsyncExitStack

from aiohttp import web

from remediator.doors import Door, Guest, Patience
from remediator.model.errors import BadInput, Problem
from remediator.settings import WebSettings
from remediator.tls import Certificate

BACKLOG = 1024
HANDSHAKE_SECONDS = 10.0


async def listen_on(
    stack: AsyncExitStack,
    app: web.Application,
    places: str,
    key: str,
    *,
    door: WebSettings | None = None,
    patience: Patience | None = None,
) -> None:
    """Listen on every place of a comma-separated list until the stack is closed; ``key`` is the setting's name.

    Raises:
        BadInput: an address is in use or cannot be bound; a certificate cannot be used.
    """
    settings = door or WebSettings(max_connections=0)
    certificate = Certificate(settings.tls, key) if settings.tls else None
    guests = Door(patience or Patience(most=settings.max_connections))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    if runner.server:
        runner.server.request_handler = guests.around(runner.server.request_handler)
    context = certificate.context() if certificate else None
    for place in places.split(","):
        try:
            for bound in await _bound(place.strip()):
                await _accept(stack, runner, guests, bound, context)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadInput([Problem("fleetmend.yml", 0, 0, f"{key}: cannot listen on {place}: {reason}")]) from error
    if certificate:
        watching = asyncio.create_task(certificate.watch())
        stack.callback(watching.cancel)


def scrape_address(places: str) -> str:
    """The first of those places that has an address of its own; empty if none has."""
    named = [place.strip() for place in places.split(",") if not place.strip().startswith("fd:")]
    return named[0] if named else ""


async def _accept(
    stack: AsyncExitStack, runner: web.AppRunner, door: Door, bound: socket.socket, context: ssl.SSLContext | None
) -> None:
    def guest() -> Guest:
        # Without a server the runner is closing, and asyncio has no use for the answer either.
        if runner.server is None:
            raise ConnectionAbortedError
        return Guest(door, runner.server)

    handshake = HANDSHAKE_SECONDS if context else None
    server = await asyncio.get_running_loop().create_server(
        guest, sock=bound, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=handshake
    )
    stack.callback(server.close)


async def _bound(place: str) -> list[socket.socket]:
    """A socket for each address of a place."""
    if place.startswith("fd:"):
        # A copy: when we stop listening, the socket that was handed to us is still there to be listened on again.
        return [socket.socket(fileno=os.dup(int(place[3:])))]
    host, _, port = place.rpartition(":")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host.strip("[]") or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return [_socket_at(family, address) for family, _, _, _, address in dict.fromkeys(found)]


def _socket_at(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
