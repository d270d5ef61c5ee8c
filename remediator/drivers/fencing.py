"""The driver of an orchestrator's fences: each asked for with the identity that is meant, and observed till it is."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import aiohttp

from remediator.clock import Clock
from remediator.drivers.orchestrator import Meant, Orchestrator, Proof, Statement, unproved
from remediator.drivers.power import HARD_TIMEOUT, Objection
from remediator.drivers.protocol import Driver, NoFencing
from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation
from remediator.settings import Endpoint

FENCE, LIFT = "fence_host", "unfence_host"
# How long one try waits for the orchestrator to be through with it; the next one goes on where this ended.
DONE_WITHIN = timedelta(seconds=8)
_LOOK_EVERY = 0.3


def meant_by(operation: Operation) -> Meant:
    args = operation.args
    last_contact = datetime.fromisoformat(args["last_contact"])
    return Meant(str(args["host"]), int(args["epoch"]), str(args["uuid"]), str(args["boot_id"]), last_contact)


def fencing_of(
    place: Endpoint | None, http: aiohttp.ClientSession, clock: Clock, objection: Objection, begin_within: timedelta
) -> tuple[Orchestrator | None, dict[str, Driver]]:
    """The orchestrator that is set, if any, and the verbs that it is asked with."""
    if place is None:
        return None, dict.fromkeys((FENCE, LIFT), NoFencing())
    orchestrator = Orchestrator(http, place)
    return orchestrator, dict.fromkeys((FENCE, LIFT), FenceDriver(orchestrator, clock, objection, begin_within))


class Fences(Protocol):
    """Who is asked, as ``Orchestrator`` says it."""

    async def statement(self, host: str) -> Statement: ...

    async def fence(self, meant: Meant, key: str, not_after: datetime) -> None: ...

    async def unfence(self, host: str, epoch: int, key: str) -> None: ...


class FenceDriver:
    """At least once with the same key: what a repeat finds fenced is not asked for again.

    Args:
        objection: asked again between reading who the host is and asking for its fence.
        begin_within: how long after it was decided a fence may still be begun.
    """

    def __init__(self, orchestrator: Fences, clock: Clock, objection: Objection, begin_within: timedelta) -> None:
        self._orchestrator = orchestrator
        self._clock = clock
        self._objection = objection
        self._begin_within = begin_within

    async def perform(self, operation: Operation) -> dict[str, Any]:
        """Have it cut off, or let go again, and see that it is.

        Raises:
            TransientError: no answer, or not seen yet: observed anew before it is repeated. A lift fails in no other
                way, for nothing else can be done instead.
            PermanentError: another identity, a refusal, or nothing that is to be done any more.
        """
        act = self._lift if operation.verb == LIFT else self._cut
        try:
            async with asyncio.timeout(HARD_TIMEOUT.total_seconds()):
                return await act(operation)
        except TimeoutError as error:
            raise TransientError("the orchestrator did not end in time: uncertain") from error

    async def _cut(self, operation: Operation) -> dict[str, Any]:
        meant = meant_by(operation)
        said = await self._orchestrator.statement(meant.host)
        if not unproved(said, meant, self._clock.now()):
            return _told(said.proof, found=True)
        if why := self._objection(operation):
            raise PermanentError(why)
        await self._orchestrator.fence(meant, operation.key, operation.written_at + self._begin_within)
        return _told((await self._until(meant.host, lambda said: unproved(said, meant, self._clock.now()))).proof)

    async def _lift(self, operation: Operation) -> dict[str, Any]:
        host, epoch = str(operation.args["host"]), int(operation.args["epoch"])
        try:
            await self._orchestrator.unfence(host, epoch, operation.key)
            await self._until(host, lambda said: "" if said.state == "none" else f"it is {said.state}")
        except PermanentError as error:
            raise TransientError(str(error)) from error
        return {}

    async def _until(self, host: str, why_not: Callable[[Statement], str]) -> Statement:
        """The first statement that nothing can be said against; one that was accepted is none."""
        deadline = self._clock.monotonic() + DONE_WITHIN.total_seconds()
        while why := why_not(said := await self._orchestrator.statement(host)):
            if self._clock.monotonic() >= deadline:
                raise TransientError(f"the orchestrator was asked, and of {host} {why}")
            await self._clock.sleep(_LOOK_EVERY)
        return said


def _told(proof: Proof | None, *, found: bool = False) -> dict[str, Any]:
    return {"found": found, "by": proof.words, "at": proof.at.isoformat()} if proof else {"found": found}
