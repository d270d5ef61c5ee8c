"""The public listener in a thread of its own over the real desk, ledger and journal; of agents there are answers."""

import asyncio
import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import web

from remediator.model.app import App
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.request import Operation
from remediator.runtime.machines.desk import MachineDesk
from remediator.runtime.machines.requests import Requests
from remediator.runtime.machines.volume_ends import VolumeEnds
from tests.conformance.aiming import named
from tests.conformance.served import SECRET, Told
from tests.remediator.api.tenants_town import OPERATOR, Town, opened_town
from tests.remediator.builders import NOON, host, machine, volume
from tests.remediator.runtime.lab import SETTINGS, Lab, record
from tests.remediator.runtime.test_runtime_volumes import Disks

SCRUBBED = {"guest": {"cpus": 1, "memory_mb": 256}, "metadata": {"role": "web"}}
# Nobody carries machines from host to host here: who waits for that is answered that it is under way.
WITHIN = 0.3


class Agents:
    """Do what they are told, to machines and to volumes."""

    def __init__(self) -> None:
        self._disks = Disks()

    def __call__(self, asked: Operation) -> dict[str, Any]:
        if asked.verb == "exec":
            return {"exit_code": 0, "stdout": "", "stderr": ""}
        if asked.verb == "ps":
            return {"processes": []}
        if asked.verb == "destroy" or not asked.machine:
            return self._disks.answer(asked)
        state = {"stop": "stopped", "suspend": "suspended"}.get(asked.verb, "started")
        told = {name: asked.args[name] for name in ("app", "name", "instance_id", "digest") if name in asked.args}
        return {"record": record(asked.machine, state, scrubbed=SCRUBBED, **told)}


@dataclass
class RealDesk:
    """``things`` are the machine and the volume that requests go to."""

    url: str
    log: Told
    town: Town
    loop: asyncio.AbstractEventLoop
    things: dict[str, str] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=count)
    token: str = OPERATOR

    def said(self) -> str:
        return "\n".join(self.log.lines)

    def renew(self) -> None:
        """A machine and a volume that nobody has done anything to yet."""
        asyncio.run_coroutine_threadsafe(self._renewed(), self.loop).result(10)

    async def _renewed(self) -> None:
        number, lab = next(self.numbers), self.town.lab
        async with lab.ledger.writing() as draft:
            # What others were about makes room.
            for row in (*lab.ledger.all(Machine).values(), *lab.ledger.all(Volume).values()):
                draft.delete(row)
        self.things = {"machines": f"m{number}", "volumes": f"v{number}"}
        made = machine(f"m{number}", "h1", app="web", name=f"n{number}", config=SCRUBBED, port=9000)
        kept = replace(volume(f"v{number}"), app="web", name=f"d{number}")
        await lab.put(host("h1"), App("web", "personal", "default", NOON), made, kept)
        await lab.put(Snapshot(f"s{number}", kept.id, "web", NOON, 5, "ab" * 32))
        lab.evidence.heard("h1", lab.clock.now())
        lab.configs.learn("h1", [{"id": made.id, "config": {**SCRUBBED, "env": {"KEY": SECRET}}}])

    def point(self, path: str, _number: int, _well: bool) -> Mapping[str, str]:
        return named("web", self.things["volumes" if "/volumes" in path else "machines"])


def lab_of_agents() -> Lab:
    lab = Lab(Agents())
    lab.ledger.before_commit.append(VolumeEnds(lab.ledger, lab.clock))
    lab.requests = Requests(lab.ledger, lab.watch, lab.outbox, lab.clock, SETTINGS, answer_within=WITHIN)
    lab.requests.configs = lab.configs
    lab.life = MachineDesk(lab.ledger, lab.watch, lab.requests.carrier, lab.driver, lab.configs, lab.clock)
    return lab


@contextmanager
def real_desk() -> Iterator[RealDesk]:
    """On a free port of the loopback."""
    loop, told = asyncio.new_event_loop(), Told()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    logging.getLogger().addHandler(told)
    opened: asyncio.Future[RealDesk] = loop.create_future()
    closing = asyncio.Event()
    serving = asyncio.run_coroutine_threadsafe(_served(opened, closing, told), loop)
    try:
        yield asyncio.run_coroutine_threadsafe(asyncio.wait_for(opened, 20), loop).result(20)
    finally:
        logging.getLogger().removeHandler(told)
        loop.call_soon_threadsafe(closing.set)
        serving.result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _served(opened: "asyncio.Future[RealDesk]", closing: asyncio.Event, told: Told) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lab = lab_of_agents()
        await lab.enrol("h1")
        async with opened_town(Path(folder), served=False, lab=lab) as town:
            runner = web.AppRunner(town.app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            agents = asyncio.create_task(_answering(lab))
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            opened.set_result(RealDesk(url, told, town, asyncio.get_running_loop()))
            await closing.wait()
            agents.cancel()
            await runner.cleanup()


async def _answering(lab: Lab) -> None:
    while True:
        await lab.send("h1")
        await asyncio.sleep(0.002)
