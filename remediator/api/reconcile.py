"""`/v1/reconcile`: what agents hold that our journal does not know, and a person's word that they are right."""

from dataclasses import asdict
from typing import Annotated

from aiohttp import web
from pydantic import Field

from remediator.api.answers import answer
from remediator.api.bodies import checked, read_object
from remediator.api.control import Control
from remediator.api.people.bodies import SaidIn, Short
from remediator.api.requests import Endpoint


class AcceptGapIn(SaidIn):
    """Who accepts, and why; ``silent`` is how many hosts may not have told yet."""

    why: Short
    silent: Annotated[int, Field(ge=0)] = 0


class ReconcileApi:
    """The gap for all to read; accepting it needs the operator's token."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/reconcile", self.gap, "reconcile.get"),
            Endpoint("POST", "/v1/reconcile", self.accept, "reconcile.accept", guarded=True, body=AcceptGapIn),
        ]

    async def gap(self, _: web.Request) -> web.Response:
        return answer(asdict(self._control.gap()))

    async def accept(self, request: web.Request) -> web.Response:
        """What was accepted; 422 when nothing is amiss, or when more hosts are silent than the person allowed."""
        said = checked(AcceptGapIn, await read_object(request))
        return answer(asdict(await self._control.accept_gap(said.by or "operator", said.why, said.silent)))
