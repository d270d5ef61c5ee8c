"""The chassis with the agent and the exporter that belong in it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from remediator.agent.front.client import FrontClient
from remediator.wire.fake_remediator import FakeRemediator
from remediator.wire.sealing import digest, seal_config

pytestmark = pytest.mark.slow

ADDRESS = f"127.77.{os.getpid() % 90 + 5}.21"
SERVE = 'exec python3 -m http.server --bind "$HOST_ADDRESS" "$PORT"'
RUN_FRONT = "import sys; from remediator.agent.cli import main; sys.exit(main(sys.argv[1:]))"


@dataclass
class Rack:
    """A host in relay mode, and the remediator that it reaches through its chassis."""

    remediator: FakeRemediator
    client: FrontClient

    async def fault(self, name: str) -> None:
        await asyncio.to_thread(self.client.fault, name)

    def hellos(self) -> int:
        return sum(message["type"] == "hello" for _, message in self.remediator.told)

    async def machine_pid(self) -> int:
        """As the chassis sees it, once it runs."""
        async with asyncio.timeout(10):
            while True:
                truth = await asyncio.to_thread(self.client.truth)
                if truth["processes"]:
                    return int(truth["processes"][0]["pid"])
                await asyncio.sleep(0.05)


@pytest.fixture
async def rack(tmp_path: Path) -> AsyncIterator[Rack]:
    remediator = FakeRemediator()
    await remediator.start()
    command = ["front", "--name", "h1", "--region", "arn", "--rack", "r1", "--mode", "relay", "--address", ADDRESS]
    command += ["--data", str(tmp_path / "h1"), "--snapshots", str(tmp_path / "snapshots"), "--disk-mb", "32"]
    command += ["--remediator", remediator.url, "--join-token", remediator.token, "--bmc-listen", "127.0.0.1:0"]
    command += ["--restart-delay", "0.5", "--capacity", "cpus=2,memory_mb=2048,disk_mb=32"]
    front = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN_FRONT, *command, stdout=-1)
    assert front.stdout is not None
    ready = json.loads(await front.stdout.readline())
    client = FrontClient(f"http://{ready['bmc']}", (tmp_path / "h1" / "bmc.token").read_text())
    yield Rack(remediator, client)
    front.terminate()
    assert await front.wait() == 0
    await remediator.stop()


async def create_machine(rack: Rack) -> dict[str, Any]:
    remediator = rack.remediator
    config = {"init": {"exec": ["sh", "-c", SERVE]}, "restart": {"policy": "always"}}
    sealed = seal_config(config, remediator.agent_key("h1"))
    asked: dict[str, Any] = {
        "machine_id": "m1",
        "app": "a",
        "name": "m1",
        "region": "arn",
        "instance_id": "i1",
        "volumes": [],
    }
    made = await remediator.send("h1", "create", **asked, sealed_config=sealed, digest=digest(config), start=True)
    assert made["ok"], made
    return dict(made["value"]["record"])


async def test_machine_outlives_its_agent_but_not_the_power(rack: Rack) -> None:
    await rack.remediator.until(lambda: rack.hellos() == 1, 15)
    port = (await create_machine(rack))["port"]
    first = await rack.machine_pid()
    assert await answers(port) == 200
    assert await answers(9100, "/metrics") == 200

    await rack.fault("agent_crash")
    await rack.remediator.until(lambda: rack.hellos() == 2, 15)
    assert await rack.machine_pid() == first

    await rack.fault("power_cut")
    assert rack.client.truth()["processes"] == []
    await rack.fault("power_on")
    await rack.remediator.until(lambda: rack.hellos() == 3, 15)
    assert await rack.machine_pid() != first
    boots = {m["boot_id"] for _, m in rack.remediator.told if m["type"] == "hello"}
    assert len(boots) == 2


async def answers(port: int, path: str = "/") -> int:
    """The status at the host's public address, once somebody is there."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        while True:
            try:
                async with session.get(f"http://{ADDRESS}:{port}{path}") as answer:
                    return answer.status
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
