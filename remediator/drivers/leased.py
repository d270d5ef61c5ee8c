"""Targets that cannot check a term: called only if the call ends before the lease does, however slow it is."""

import asyncio
from collections.abc import Callable
from typing import Any

from remediator.drivers.protocol import Driver
from remediator.model.errors import TransientError
from remediator.model.request import Operation

CALL_SECONDS = 1.8


class Leased:
    """``left`` says for how many seconds we may still act; without leases that is for ever.

    A call that outlasted the lease counts as unfinished, whatever it answered: its key comes again, and whoever
    leads then observes before repeating.
    """

    def __init__(self, driver: Driver, left: Callable[[], float]) -> None:
        self._driver = driver
        self._left = left

    async def perform(self, operation: Operation) -> dict[str, Any]:
        if self._left() < CALL_SECONDS:
            raise TransientError(f"{operation.verb}: the lease might end before the call does")
        try:
            value = await asyncio.wait_for(self._driver.perform(operation), CALL_SECONDS)
        except TimeoutError:
            raise TransientError(f"{operation.verb}: no answer within {CALL_SECONDS:g} s") from None
        if self._left() <= 0:
            raise TransientError(f"{operation.verb}: the lease ended during the call; whether it counts is uncertain")
        return value
