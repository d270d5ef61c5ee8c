"""A real agent in a process of its own, for tests of the agent and of whatever builds on agents."""

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

import remediator
from remediator.agent.processes import Owner, find_processes, stop_and_kill
from remediator.agent.settings import BOOT_ID
from remediator.wire.fake_remediator import FakeRemediator, Message
from remediator.wire.sealing import digest, seal_config

SOURCES = Path(remediator.__file__).parent.parent
# What a machine of a test does: answers with one of its files, or its id.
SERVE = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            body = open("." + self.path, "rb").read()
        except OSError:
            body = os.environ["MACHINE_ID"].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
address = os.environ["HOST_ADDRESS"], int(os.environ["PORT"])
http.server.HTTPServer(address, Answer).serve_forever()
"""


@dataclass(slots=True)
class Trial:
    """One host: its folders, its agent's process, and the remediator it talks to."""

    root: Path
    fake: FakeRemediator
    name: str = "h1"
    loops: bool = False
    boot_id: str = field(default_factory=lambda: BOOT_ID.read_text().strip())
    agent: "subprocess.Popen[bytes] | None" = None
    flags: list[str] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.root / self.name

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def log(self) -> str:
        return (self.root / "agent.log").read_text()

    def command(self, token: str = "") -> list[str]:
        words = {
            "--name": self.name, "--region": "arn", "--rack": "r1", "--data": str(self.data),
            "--remediator": self.fake.url, "--join-token": token or self.fake.token,
            "--listen": f"127.0.0.1:{port_of(self.root)}", "--snapshots": str(self.snapshots),
            "--capacity": "cpus=4,memory_mb=4096,disk_mb=256", "--boot-id": self.boot_id,
            "--uuid": "chassis-1", "--loops": "on" if self.loops else "off",
        }  # fmt: skip
        flat = [word for pair in words.items() for word in pair]
        return [sys.executable, "-m", "remediator.agent.cli", *flat, *self.flags]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(SOURCES)}

    async def start(self) -> None:
        """Start the agent and wait for its welcome."""
        before = len(self.fake.told)
        self.launch()
        await self.fake.until(lambda: self._reported(before))

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start the agent's process, and wait for nothing."""
        with (self.root / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(self.command(), env=self.environment, stdout=log, stderr=log)
        return self.agent

    def _reported(self, since: int) -> bool:
        return any(host == self.name and message["type"] == "report" for host, message in self.fake.told[since:])

    async def end(self, number: int = signal.SIGKILL) -> int:
        """End the agent, by default without a chance to say anything; its exit code."""
        agent = self.agent or self.launch()
        agent.send_signal(number)
        return await asyncio.to_thread(agent.wait, 10)

    async def send(self, verb: str, **args: Any) -> Message:
        return await self.fake.send(self.name, verb, **args)

    async def create(self, machine: str, config: Message, **more: Any) -> Message:
        """Create a machine and start it; the result message."""
        box = seal_config(config, self.fake.agent_key(self.name))
        args = {"instance_id": f"i-{machine}", "volumes": [], "start": True, **more}
        return await self.send(
            "create", machine_id=machine, app="web", name=machine, region="arn",
            sealed_config=box, digest=digest(config), **args,
        )  # fmt: skip

    async def until(self, machine: str, **fields: Any) -> Message:
        """The machine's record once it has been reported with these fields."""
        await self.fake.until(
            lambda: all(self.fake.machines.get(machine, {}).get(key) == value for key, value in fields.items())
        )
        return self.fake.machines[machine]

    def owner(self, machine: str) -> Owner:
        return Owner(machine, str(self.data / "disk" / "machines" / machine))

    def processes(self, machine: str) -> set[int]:
        """The living processes of a machine, as the kernel has them."""
        return {process.pid for process in find_processes([self.owner(machine)])[machine]}

    def end_everything(self) -> None:
        """Nothing of this host is left behind."""
        if self.agent and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait()
        machines = [path.name for path in (self.data / "disk" / "machines").glob("*")]
        while stop_and_kill([self.owner(machine) for machine in machines]):
            pass
        for volume in (self.data / "disk" / "volumes").glob("*"):
            if volume.is_mount():
                subprocess.run(["umount", "--lazy", str(volume)], check=True)
        shutil.rmtree(self.root)


@asynccontextmanager
async def on_trial(*, loops: bool = False) -> AsyncIterator[Trial]:
    """A host with its agent welcomed; afterwards nothing of it runs or is mounted."""
    fake = FakeRemediator()
    await fake.start()
    trial = Trial(_passable_folder(), fake, loops=loops)
    try:
        await trial.start()
        yield trial
    finally:
        await asyncio.to_thread(trial.end_everything)
        await fake.stop()


def _passable_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fleetmend-trial-"))
    # Machines with a uid of their own walk through here.
    folder.chmod(0o711)
    return folder


def serving(**more: Any) -> Message:
    """The config of a machine that answers HTTP."""
    script = {"guest_path": "/app/serve.py", "raw_value": base64.b64encode(SERVE.encode()).decode()}
    return {
        "init": {"exec": ["/usr/bin/env", "python3", "app/serve.py"]},
        "env": {"SECRET": f"hunter2-{uuid.uuid4().hex}"},
        "guest": {"cpus": 1, "memory_mb": 256},
        "files": [script],
        "metadata": {},
        **more,
    }


def running(*words: str, **more: Any) -> Message:
    """The config of a machine that runs a shell line."""
    return {"init": {"exec": ["/bin/sh", "-c", *words]}, "guest": {"memory_mb": 64}, **more}


async def answer_of(port: int, path: str = "/none", within: float = 5.0) -> str:
    """What the machine on that port says, as soon as it says anything."""
    async with asyncio.timeout(within), aiohttp.ClientSession() as http:
        # Nobody tells us when a port begins to listen.
        while (said := await _said(http, f"http://127.0.0.1:{port}{path}")) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return said


async def _said(http: aiohttp.ClientSession, url: str) -> str | None:
    try:
        async with http.get(url) as response:
            return await response.text()
    except aiohttp.ClientError:
        return None


def port_of(root: Path) -> int:
    """A port for a trial's agent, from its folder's name; machines have a range of their own."""
    return 21_000 + sum(root.name.encode()) * 7 % 9_000
