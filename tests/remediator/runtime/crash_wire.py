"""The drivers of a remediator that may die: a command leaves, arrives and is answered in three steps."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from remediator.clock import Clock
from remediator.drivers.bmc import Bmcs, BmcSession, Button, Reading
from remediator.drivers.fencing import FENCE, LIFT, FenceDriver
from remediator.drivers.orchestrator import Meant, Proof, Statement
from remediator.drivers.power import VERBS, PowerDriver
from remediator.model.errors import TransientError
from remediator.model.request import Operation
from remediator.runtime.effects.fencing import GIVE_UP, objections
from remediator.settings import BmcEndpoint
from tests.remediator.runtime.crash_fleet import World

if TYPE_CHECKING:
    from tests.remediator.runtime.crash_lab import Process


class Wire:
    """Death may fall between any two steps; power is taken by the real driver, from BMCs that may be another's."""

    def __init__(self, process: "Process", called: Callable[[Operation], None]) -> None:
        self._process = process
        self._called = called
        self._sequence = 0
        world = process.world
        places = {name: BmcEndpoint(name) for name in world.first_hosts}
        bmcs = Bmcs(places, {"redfish": lambda place: _session(world, place.url)})
        object_to = objections(process.ledger, process.clock.now, process.stopped)
        self._power = PowerDriver(bmcs, process.clock, object_to)
        self._fences = FenceDriver(_Fences(world, process.clock), process.clock, object_to, GIVE_UP)

    async def perform(self, operation: Operation) -> dict[str, Any]:
        self._called(operation)
        world = self._process.world
        if operation.verb in VERBS:
            return await self._power.perform(operation)
        if operation.verb in (FENCE, LIFT):
            return await self._fences.perform(operation)
        if operation.verb == "provision":
            await asyncio.sleep(0)
            made = world.buy(operation)
            await asyncio.sleep(0)
            return made
        return await self._commanded(operation, world)

    async def _commanded(self, operation: Operation, world: World) -> dict[str, Any]:
        if operation.host not in world.boxes or not world.boxes[operation.host].session:
            raise TransientError(f"{operation.host} is not connected")
        self._sequence += 1
        term = self._process.rewound.term
        mark = (term.incarnation, term.number, self._sequence, self._process.agents.epoch_of(operation.host))
        world.on_the_way.append((operation, mark))
        await asyncio.sleep(0)
        try:
            value = world.arrive(operation, mark)
        except ConnectionError:
            # Nobody says so: a time-out does.
            await asyncio.Event().wait()
            raise
        await asyncio.sleep(0)
        return value


class _Fences:
    """An orchestrator that cuts links: it reads who took another's place; what it did stands until it is lifted."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock

    async def statement(self, host: str) -> Statement:
        await asyncio.sleep(0)
        proof = self._world.fences.get(host)
        return Statement("fenced" if proof else "none", f"u-{self._world.chassis(host).name}", proof)

    async def fence(self, meant: Meant, key: str, not_after: datetime) -> None:
        await asyncio.sleep(0)
        found = self._world.chassis(meant.host)
        if found.name != meant.host:
            self._world.wrong.append(f"6: {found.name} is cut off for {meant.host}")
        if found.reached and found.heard:
            self._world.wrong.append(f"12: {found.name} is heard and cut off")
        if self._clock.now() <= not_after and meant.host not in self._world.fences:
            found.cut()
            self._world.fences[meant.host] = Proof(self._clock.now(), "link", meant.chassis, meant.epoch)
        await asyncio.sleep(0)

    async def unfence(self, host: str, epoch: int, key: str) -> None:
        await asyncio.sleep(0)
        if host in self._world.fences and self._world.fences[host].epoch < epoch:
            del self._world.fences[host]
        await asyncio.sleep(0)


@asynccontextmanager
async def _session(world: World, host: str) -> AsyncIterator[BmcSession]:
    await asyncio.sleep(0)
    yield _Session(world, host)


class _Session:
    """A conversation with whatever BMC answers in that host's place."""

    def __init__(self, world: World, host: str) -> None:
        self._world = world
        self._host = host

    async def read(self) -> Reading:
        await asyncio.sleep(0)
        if not self._world.bmc_answers:
            raise TransientError("the BMC does not answer")
        found = self._world.chassis(self._host)
        return Reading(f"u-{found.name}", "on" if found.powered else "off")

    async def press(self, button: Button) -> None:
        await asyncio.sleep(0)
        found = self._world.chassis(self._host)
        if found.name != self._host:
            self._world.wrong.append(f"6: {found.name} loses its power for {self._host}")
        if found.reached and found.heard:
            self._world.wrong.append(f"12: {found.name} is heard and loses its power ({button})")
        found.lose_power()
