"""A remediator's real state feed over a fleet of a hundred thousand machines, as a process of its own.

``python -m tests.bench.fleet_server PORT``. POST /change?machines=N changes so many of them, as commits of a real
ledger; GET /lag is the longest time in seconds that the event loop was kept from its work, since it was last asked.
"""

import asyncio
import gc
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from remediator.api.control import Changes, Placements
from remediator.api.fakes.control import FakeControl
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Entry, Row
from remediator.model.host import Capacity, Host
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.runtime.ledger import Ledger

HOSTS, APPS, MACHINES, VOLUMES = 1_000, 5_000, 100_000, 20_000
REGIONS = ("arn", "fra", "iad", "nrt", "ord", "sin", "sjc", "syd", "waw", "yyz")
REGIONS_OF_AN_APP = 3
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
LAG_STEP = 0.002


class NoJournal(MemoryJournal):
    """Keeps nothing: what a disk takes is not measured here."""

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        pass


class Fleet(FakeControl):
    """A control whose rows are a real ledger's."""

    ledger: Ledger

    def changed(self, since: int, kinds: Sequence[type]) -> Changes:
        return self.ledger.changed_since(since, kinds)


def host_of(region: int, number: int) -> str:
    return f"h{region + len(REGIONS) * (number % (HOSTS // len(REGIONS))):04d}"


def build_rows(chance: random.Random) -> list[Any]:
    hosts = [
        Host(
            f"h{number:04d}", REGIONS[number % len(REGIONS)], f"r{number // 40:02d}", NOW, NOW,
            capacity=Capacity(128.0, 1_048_576, 16_777_216), joined=True, version="0.1.0",
        )
        for number in range(HOSTS)
    ]  # fmt: skip
    rows: list[Any] = [*hosts]
    for number in range(MACHINES):
        app = number % APPS
        region = (app + number // APPS % REGIONS_OF_AN_APP) % len(REGIONS)
        host, name = host_of(region, chance.randrange(HOSTS)), f"{0x3D8E1F00000000 + number * 7919:014x}"
        volume = f"vol_{number:016x}" if app < APPS * VOLUMES // MACHINES else ""
        rows.append(
            Machine(
                name, f"app-{app:05d}", f"app-{app:05d}-{number}", REGIONS[region], host, f"01J{number:023d}",
                NOW, NOW, state=MachineState.STARTED, config={"guest": {"cpus": 1, "memory_mb": 2048}},
                volumes=(volume,) if volume else (),
            )
        )  # fmt: skip
        if volume:
            size = chance.choice((1_024, 10_240, 102_400))
            rows.append(
                Volume(volume, f"app-{app:05d}", "data", REGIONS[region], host, size, NOW, machine=name,
                       used_bytes=chance.randrange(size) * 1_048_576)
            )  # fmt: skip
            made = NOW - timedelta(seconds=chance.randrange(86_400))
            rows.append(Snapshot(f"vs_{number:016x}", volume, f"app-{app:05d}", made, 1, ""))
    return rows


class Changer:
    """Changes machines as a fleet does: most start or stop, some move, some come and go."""

    def __init__(self, ledger: Ledger, chance: random.Random) -> None:
        self._ledger = ledger
        self._chance = chance
        self._born = 0

    async def change(self, count: int) -> None:
        names = self._chance.sample(list(self._ledger.all(Machine)), count)
        async with self._ledger.writing() as draft:
            for name in names:
                machine = self._ledger.get(Machine, name)
                if machine is not None:
                    draft.put(*self._changed(machine))

    def _changed(self, machine: Machine) -> list[Machine]:
        kind = self._chance.random()
        if kind < 0.7:
            stopped = machine.state is MachineState.STOPPED
            return [replace(machine, state=MachineState.STARTED if stopped else MachineState.STOPPED)]
        if kind < 0.9:
            region = REGIONS.index(machine.region)
            return [replace(machine, host=host_of(region, self._chance.randrange(HOSTS)))]
        self._born += 1
        born = replace(machine, id=f"{0x7D8E1F00000000 + self._born:014x}", state=MachineState.STARTED)
        return [replace(machine, state=MachineState.DESTROYED), born]


class Lag:
    """How long the loop was kept from its work."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        while True:
            slept = time.perf_counter()
            await asyncio.sleep(LAG_STEP)
            self.longest = max(self.longest, time.perf_counter() - slept - LAG_STEP)

    async def answer(self, _request: web.Request) -> web.Response:
        longest, self.longest = self.longest, 0.0
        return web.json_response(longest)


async def serve(port: int) -> None:
    chance = random.Random(7)  # noqa: S311 - the same fleet every time
    control = Fleet(NOW, placed=Placements(dict.fromkeys(REGIONS, 12), {("arn", "memory"): 2}, {"arn": 3}))
    control.ledger = Ledger(NoJournal())
    async with control.ledger.writing() as draft:
        draft.put(*build_rows(chance))
    requests, changer, lag = RequestCounter(time.perf_counter), Changer(control.ledger, chance), Lag()
    for operation in ("machines.list", "machines.get", "machines.create", "machines.destroy", "volumes.list"):
        requests.count(operation, "200", 0.02)
    app = build_public_app(
        control, PublicSettings(), operator_token="none", requests=requests, metrics_text=lambda: b""
    )

    async def change(request: web.Request) -> web.Response:
        await changer.change(int(request.query["machines"]))
        return web.json_response({})

    app.add_routes([web.post("/change", change), web.get("/lag", lag.answer)])
    # As a remediator does that has been up for a while: its fleet is old, and not looked at for garbage.
    gc.freeze()
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await lag.run()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
