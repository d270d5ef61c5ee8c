"""One bell, many listeners: something here has changed, and whoever reports it may do so soon."""

import asyncio
from contextlib import suppress


class Bell:
    """``ring`` wakes everyone who has listened since; a listener that is away misses nothing."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()

    def ring(self) -> None:
        for listener in self._listeners:
            listener.set()

    def listen(self) -> asyncio.Event:
        listener = asyncio.Event()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: asyncio.Event) -> None:
        self._listeners.discard(listener)


async def heard(listener: asyncio.Event, within: float) -> None:
    """Return when it rings, at the latest after ``within`` seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await listener.wait()
    listener.clear()
