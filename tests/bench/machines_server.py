"""The public listener over a real desk, ledger and journal with a hundred thousand machines, as its own process.

``python -m tests.bench.machines_server PORT FOLDER``. Agents are not played: their configs are in memory as they
would be after their hellos. POST /die loses the first host; GET /cpu tells the seconds of processor time so far.
"""

import asyncio
import gc
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from nacl.signing import SigningKey

from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.clock import SystemClock
from remediator.journal.protocol import Row
from remediator.journal.sqlite import SqliteJournal
from remediator.model.host import Capacity, Host, HostStatus, Life
from remediator.model.machine import Event, Machine, MachineState
from remediator.runtime.agents.enrol import Enrolments, Identity
from remediator.runtime.desk import Desk, Parts
from remediator.runtime.people.freezer import Freezer
from tests.remediator.runtime.lab import Lab

HOSTS, MACHINES, PER_APP = 100, 100_000, 100
TOKEN = "operator-token-for-benchmarks"
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
FIRST = "h000"
GUEST = {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}


def machine_id(number: int) -> str:
    return f"{0x3D8E1F00000000 + number * 7919:014x}"


def rows() -> list[Row]:
    """Hosts of a thousand machines each, apps of a hundred."""
    room = Capacity(4096.0, 1 << 24, 1 << 24)
    hosts = [
        Host(f"h{number:03d}", "arn", f"r{number // 20}", NOON, NOON, capacity=room, joined=True, address="10.0.0.1")
        for number in range(HOSTS)
    ]
    return [Row("Host", host.name, 0, host) for host in hosts] + [
        Row("Machine", machine_id(number), 0, machine_of(number)) for number in range(MACHINES)
    ]


def machine_of(number: int) -> Machine:
    events = Event(NOON, "started", "started", "agent"), Event(NOON, "launch", "created", "user")
    return Machine(
        machine_id(number), f"app-{number // PER_APP}", f"m-{number}", "arn", f"h{number % HOSTS:03d}",
        f"01J{number:023d}", NOON, NOON, MachineState.STARTED, port=20_000, events=events,
        config={"image": "registry.example/web:1", "guest": GUEST, "metadata": {"fly_platform_version": "v2"}},
    )  # fmt: skip


def filled(folder: Path) -> Lab:
    journal = SqliteJournal(folder)
    written = rows()
    for at in range(0, len(written), 10_000):
        journal.commit(written[at : at + 10_000], [])
    lab = Lab(journal=journal, clock=SystemClock())  # type: ignore[arg-type]
    for machine in lab.ledger.all(Machine).values():
        full = {**machine.config, "env": {"TOKEN": "x" * 200}, "init": {"exec": ["/bin/serve"]}}
        lab.configs.learn(machine.host, [{"id": machine.id, "config": full}])
    return lab


def desk_of(lab: Lab, folder: Path) -> Desk:
    return Desk(
        Parts(
            ledger=lab.ledger, watch=lab.watch, loop=lab.loop, requests=lab.requests, life=lab.life,
            enrolments=Enrolments(lab.ledger, Identity({}, "", b"secret"), lab.clock), agents=lab.agents,
            configs=lab.configs, freezer=Freezer(folder, SigningKey.generate().verify_key, lab.clock),
            reload=lab.reload(folder), clock=lab.clock,
        )
    )  # fmt: skip


async def main(port: int, folder: Path) -> None:
    lab = filled(folder)
    gc.freeze()

    async def die(_: web.Request) -> web.Response:
        async with lab.ledger.writing() as draft:
            host = draft.get(Host, FIRST)
            if host is not None:
                at = lab.clock.now()
                draft.put(replace(host, life=Life.DEAD, status=HostStatus.UNREACHABLE, since=at, died_at=at))
        return web.Response()

    async def cpu(_: web.Request) -> web.Response:
        return web.json_response(time.process_time())

    counter = RequestCounter(lab.clock.monotonic)
    app = build_public_app(
        desk_of(lab, folder), PublicSettings(), operator_token=TOKEN, requests=counter, metrics_text=bytes
    )
    app.router.add_post("/die", die)
    app.router.add_get("/cpu", cpu)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
