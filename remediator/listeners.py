"""Sockets for the applications: HOST:PORT, or fd:N for one that we inherited."""

import os
import socket
from contextlib import AsyncExitStack

from aiohttp import web

from remediator.model.errors import BadInput, Problem


async def listen_on(stack: AsyncExitStack, app: web.Application, places: str, key: str) -> None:
    """Listen on every place of a comma-separated list until the stack is closed; ``key`` is the setting's name.

    Raises:
        BadInput: an address is in use or cannot be bound.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for place in places.split(","):
        try:
            await _site(runner, place.strip()).start()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadInput([Problem("fleetmend.yml", 0, 0, f"{key}: cannot listen on {place}: {reason}")]) from error


def scrape_address(places: str) -> str:
    """The first of those places that has an address of its own; empty if none has."""
    named = [place.strip() for place in places.split(",") if not place.strip().startswith("fd:")]
    return named[0] if named else ""


def _site(runner: web.AppRunner, place: str) -> web.BaseSite:
    if place.startswith("fd:"):
        # A copy: when we stop listening, the socket that was handed to us is still there to be listened on again.
        return web.SockSite(runner, socket.socket(fileno=os.dup(int(place[3:]))))
    host, _, port = place.rpartition(":")
    return web.TCPSite(runner, host.strip("[]"), int(port))
