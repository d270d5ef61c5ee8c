"""Who watches while a story is played: what the journal says, what stands held, what is routed, what really runs."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace

from remediator.model.host import Host
from remediator.model.machine import Machine
from remediator.model.request import Operation
from remediator.simulate.world.queue import Queue
from remediator.simulate.world.told import Told
from remediator.simulation.telling import Teller
from scripts.story.api import Json, until
from scripts.story.fronts import Chassis
from scripts.story.ground import Ground
from scripts.story.plays.events import LONG, Event, Running, told_events
from scripts.story.plays.tail import Tail

_MOMENT = 1e-6
JOURNAL_EVERY, STATUS_EVERY = 0.05, 0.25


@dataclass(slots=True)
class Stood:
    """A hold, from when to when it was seen."""

    first: float
    last: float

    @property
    def long(self) -> bool:
        return self.last - self.first >= LONG


@dataclass(slots=True)
class Watch:
    """``began`` is the unix second of the story's beginning; ``holds`` are by target and words."""

    ground: Ground
    tail: Tail
    # What the story calls machines, by their names.
    called: dict[str, str]
    began: float = 0.0
    holds: dict[tuple[str, str], Stood] = field(default_factory=dict)
    twice_routed: set[str] = field(default_factory=set)
    operations: int = 0
    gate_open: bool = True
    _queue: Queue = field(default_factory=Queue)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _told: Told = field(init=False)
    _teller: Teller = field(init=False)

    async def begin(self) -> None:
        """From now on everything is news; what was asked for before is done."""
        await until(self._calm, 20, "nothing is under way", every=0.05)
        self.began = time.time()  # noqa: TID251
        self._told = Told(self._queue)
        self._teller = Teller(self._told)
        self._teller.ledger = self.tail
        machines = [replace(each, name=self.called.get(each.name, each.name)) for each in self._living().values()]
        self._teller.knows(list(self.tail.all(Host).values()), machines)
        self._tasks = [asyncio.create_task(self._reads()), asyncio.create_task(self._looks())]

    async def _calm(self) -> bool:
        for _ in self.tail.news():
            pass
        return not any(each.open for each in self.tail.all(Operation).values())

    def _living(self) -> dict[str, Machine]:
        return {name: each for name, each in self.tail.all(Machine).items() if each.state.value != "destroyed"}

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._tasks:
            if not task.cancelled() and (error := task.exception()):
                raise error
        self.read()

    def restored(self) -> None:
        """Another journal lies in its place."""
        self.tail.reopen()
        self._teller.restarted()

    def read(self) -> None:
        """Whatever was committed since the last look, each commit a moment of its own."""
        now = time.time() - self.began  # noqa: TID251
        for commit in self.tail.news():
            self._queue.now = max(now, self._queue.now + _MOMENT)
            self.operations += sum(row.kind == "Operation" for row in commit.rows)
            self._teller.committed(commit.rows, commit.entries)

    def events(self) -> list[Event]:
        return told_events(self._told, self.names())

    def names(self) -> dict[str, str]:
        machines = self.tail.all(Machine).values()
        return {machine.id: self.called.get(machine.name, machine.name) for machine in machines}

    async def running(self) -> Running:
        """By the processes of every host, whatever the journal says."""
        truths = await asyncio.gather(*(self._on(front) for front in self.ground.fronts.values()))
        return frozenset().union(*truths)

    async def _on(self, front: Chassis) -> Running:
        """Nothing runs in a chassis that is being rebuilt."""
        if not front.process.running:
            return frozenset()
        machines = {each["machine"] for each in (await front.truth())["processes"]}
        return frozenset((self.line(machine), front.site.name) for machine in machines)

    def line(self, machine: str) -> str:
        """The name of the original whose successor a machine is, or of itself."""
        original = self._teller.line_of(machine)
        return self.names().get(original, original)

    async def _reads(self) -> None:
        while True:
            self.read()
            await asyncio.sleep(JOURNAL_EVERY)

    async def _looks(self) -> None:
        while True:
            self._looked(await self.ground.api.status())
            for app in sorted({machine.app for machine in self._living().values()}):
                self._routed(await self.ground.api.get(f"/v1/apps/{app}/routes"))
            await asyncio.sleep(STATUS_EVERY)

    def _looked(self, status: Json) -> None:
        now = asyncio.get_running_loop().time()
        self.gate_open = bool(status["gate"]["open"])
        for hold in status["holds"]:
            words = f"{hold['outcome']} {hold['playbook']} {hold['action']}: {hold['reason']}"
            stood = self.holds.setdefault((hold["target"], words), Stood(now, now))
            stood.last = now

    def _routed(self, routes: Json) -> None:
        names = Counter(route["name"] for route in routes)
        self.twice_routed |= {name for name, count in names.items() if count > 1}
