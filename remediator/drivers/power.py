"""The driver of power: a host is turned off, or off and on, only by the BMC of its own chassis, asked just before."""

import asyncio
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from remediator.clock import Clock
from remediator.drivers.bmc import Bmcs, BmcSession, Button, Reading, same_chassis
from remediator.drivers.ipmi import ipmi_dial
from remediator.drivers.protocol import Driver
from remediator.drivers.redfish import redfish_session
from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation
from remediator.settings import BmcEndpoint

VERBS = {"power_off": Button.OFF, "power_cycle": Button.CYCLE}
# How long a chassis may take to lose its power, and how long all of it may take.
OFF_WITHIN = timedelta(seconds=8)
HARD_TIMEOUT = timedelta(seconds=20)
_LOOK_EVERY = 0.3
# Why an operation is not to be carried out any more, read just before the button; empty when it is.
Objection = Callable[[Operation], str]


def power_of(places: Mapping[str, BmcEndpoint], clock: Clock, objection: Objection) -> tuple[Bmcs, dict[str, Driver]]:
    """All BMCs of the inventory, and the verbs that take power."""
    bmcs = Bmcs(places, {"redfish": redfish_session, "ipmi": ipmi_dial()})
    return bmcs, dict.fromkeys(VERBS, PowerDriver(bmcs, clock, objection))


class PowerDriver:
    """At least once with the same key: what a repeat finds done is not done again.

    Args:
        objection: asked again between reading who the chassis is and pressing its button.
        lease_left: seconds for which we lead at least; a button is pressed only if the whole call ends before.
    """

    def __init__(
        self, bmcs: Bmcs, clock: Clock, objection: Objection, lease_left: Callable[[], float] = lambda: math.inf
    ) -> None:
        self._bmcs = bmcs
        self._clock = clock
        self._objection = objection
        self._lease_left = lease_left

    async def perform(self, operation: Operation) -> dict[str, Any]:
        """Press the button, and see that it was pressed.

        Raises:
            TransientError: no answer, still on, or our lease may end first: observed anew before it is repeated.
            PermanentError: another chassis, a BMC that refuses, or nothing that is to be done any more.
        """
        self._lead(HARD_TIMEOUT.total_seconds())
        try:
            async with asyncio.timeout(HARD_TIMEOUT.total_seconds()):
                value = await self._press(operation, VERBS[operation.verb])
        except TimeoutError as error:
            raise TransientError(f"the BMC of {operation.args['host']} did not end in time: uncertain") from error
        # An overrun is uncertain too: the answer is thrown away, and the next try observes.
        self._lead(0.0)
        return value

    async def _press(self, operation: Operation, button: Button) -> dict[str, Any]:
        began = self._clock.monotonic()
        async with self._bmcs.session(str(operation.args["host"])) as session:
            reading = await self._same(session, operation)
            if button is Button.OFF and reading.state == "off":
                return {"power": "off", "found": True}
            if why := self._objection(operation):
                raise PermanentError(why)
            self._lead(HARD_TIMEOUT.total_seconds() - (self._clock.monotonic() - began))
            await session.press(button)
            if button is Button.OFF:
                await self._until_off(session, operation)
        return {"power": "off" if button is Button.OFF else "on", "found": False}

    async def _same(self, session: BmcSession, operation: Operation) -> Reading:
        reading = await session.read()
        if not same_chassis(reading.uuid, str(operation.args["uuid"])):
            told = reading.uuid or "no uuid"
            raise PermanentError(f"the BMC of {operation.args['host']} speaks for another chassis ({told})")
        return reading

    async def _until_off(self, session: BmcSession, operation: Operation) -> None:
        deadline = self._clock.monotonic() + OFF_WITHIN.total_seconds()
        while (await self._same(session, operation)).state != "off":
            if self._clock.monotonic() >= deadline:
                raise TransientError(f"{operation.args['host']} still has power after its button was pressed")
            await self._clock.sleep(_LOOK_EVERY)

    def _lead(self, seconds: float) -> None:
        if self._lease_left() <= seconds:
            raise TransientError("our lease may end before the BMC has answered")
