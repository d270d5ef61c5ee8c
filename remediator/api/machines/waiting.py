"""Waiting until a machine is what somebody wants it to be."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import number, wrong
from remediator.api.machine_docs import WaitedDoc
from remediator.api.machines.shared import ONE, Desk
from remediator.api.requests import Endpoint, Query
from remediator.api.shapes import event_docs
from remediator.engine.machines.refusals import Refused, Terms
from remediator.model.machine import Machine, MachineState

LONGEST = 60
SETTLED = "settled"
_S = MachineState
_MOVING = frozenset({_S.STARTING, _S.STOPPING, _S.REPLACING, _S.DESTROYING})
_STATES = frozenset({state.value for state in MachineState} | {SETTLED})
QUERY = (
    Query("state", "string", "One or more states, parted by commas or repeated; settled is any that lasts."),
    Query("timeout", "integer", "Seconds, from 1 to 60; 60 if it is not said."),
    Query("version", "string", "Only while the machine has this version."),
    Query("instance_id", "string", "The same, by its older name."),
    Query("from_event_id", "string", "Only by what happened after this event."),
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for."""

    states: frozenset[str]
    version: str
    after: str

    def met(self, machine: Machine) -> bool:
        if self.version and machine.instance_id != self.version:
            return False
        return self._is(machine.state) and (not self.after or self._since(machine))

    def _is(self, state: MachineState) -> bool:
        return state.value in self.states or (SETTLED in self.states and state not in _MOVING)

    def _since(self, machine: Machine) -> bool:
        """Whether anything has happened after that event; one that is not remembered was long ago."""
        newest = event_docs(machine)[:1]
        return not newest or newest[0]["id"] != self.after

    def lost(self, machine: Machine) -> bool:
        """It never will be: gone, going, or failed."""
        ends = machine.state is _S.DESTROYING and _S.DESTROYED.value not in self.states
        return ends or machine.state in (_S.DESTROYED, _S.FAILED)


class WaitingApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def endpoints(self) -> list[Endpoint]:
        path = f"{ONE}/wait"
        return [Endpoint("GET", path, self.wait, "machines.wait", guarded=True, answers=WaitedDoc, query=QUERY)]

    async def wait(self, request: web.Request) -> web.Response:
        goal, seconds = _goal(request), number(request, "timeout", LONGEST, LONGEST)
        try:
            async with asyncio.timeout(seconds):
                machine = await self._reached(request, goal)
        except TimeoutError:
            late = f"deadline_exceeded: the machine did not get there within {seconds} s"
            raise Refused(late, Terms(408, "deadline_exceeded")) from None
        newest = next((event["id"] for event in event_docs(machine)), "")
        told = {"ok": True, "state": machine.state, "version": machine.instance_id, "event_id": newest}
        return answer(told)

    async def _reached(self, request: web.Request, goal: Goal) -> Machine:
        while True:
            news = asyncio.ensure_future(self._desk.life.news())
            try:
                machine = self._desk.machine(request)
                if goal.met(machine):
                    return machine
                if goal.lost(machine):
                    raise Refused("invalid: machine failed to reach desired state", Terms(400))
                await news
            finally:
                news.cancel()


def _goal(request: web.Request) -> Goal:
    query = request.query
    states = {state for text in query.getall("state", []) for state in text.split(",") if state}
    if unknown := states - _STATES:
        raise wrong(
            f"state: {len(unknown)} of these are no states of a machine; there are {', '.join(sorted(_STATES))}"
        )
    version = query.get("version") or query.get("instance_id") or ""
    return Goal(frozenset(states or {_S.STARTED.value}), version, query.get("from_event_id", ""))
