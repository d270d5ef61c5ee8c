"""What a machine's own script does in its own time."""

import asyncio
from collections.abc import Callable


async def comes_true(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for it; a busy machine takes its time."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  (files and processes have no event)
            await asyncio.sleep(0.02)
