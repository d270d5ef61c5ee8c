"""The HTTP side: pages on listeners, until we are told to stop."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.clock import Clock
from exporter.errors import BadStart
from exporter.web.connections import Connections, Patience
from exporter.web.pages import Pages

if TYPE_CHECKING:
    from exporter.web.guard import Guard

LAST_SECONDS = 0.5
PATIENCE = Patience()


def build_guard(config_file: Path, clock: Clock) -> "Guard":
    """Raises BadStart with everything that is wrong with the file."""
    # YAML and bcrypt are only for those who ask for them.
    from exporter.nodes import BadConfig
    from exporter.web.guard import Guard
    from exporter.web.live import LiveConfig

    try:
        return Guard(LiveConfig(config_file, clock))
    except BadConfig as error:
        number = len(str(error).splitlines())
        raise BadStart(f"--web.config.file: {number} problem{'s' * (number > 1)}\n{error}") from None


async def serve(
    pages: Pages, listeners: Sequence[socket.socket], stopped: asyncio.Event, patience: Patience = PATIENCE
) -> None:
    """Answer until ``stopped``; open requests get half a second to end."""
    connections = Connections(pages.answer, pages.guard.choose_context if pages.guard else None, patience)
    taking = [asyncio.create_task(connections.take(listener)) for listener in listeners]
    try:
        await stopped.wait()
    finally:
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)
        await connections.close(LAST_SECONDS)
