"""One real agent as a process, joined to a remediator that a test runs as another."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from remediator.agent.processes import Owner, find_processes, stop_and_kill
from tests.e2e.one_process import run
from tests.store_lab import free_port


@dataclass
class Agent:
    """A host: its folder, its agent's process, and what runs on it."""

    folder: Path
    command: list[str]
    process: "subprocess.Popen[bytes]"

    def processes(self, machine: str) -> set[int]:
        owner = Owner(machine, str(self.folder / "disk" / "machines" / machine))
        return {each.pid for each in find_processes([owner])[machine]}

    def machines(self) -> list[str]:
        return [path.name for path in (self.folder / "disk" / "machines").glob("*")]

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)
        owners = [Owner(name, str(self.folder / "disk" / "machines" / name)) for name in self.machines()]
        while stop_and_kill(owners):
            pass


@contextmanager
def joined(fleet: Path, below: Path, name: str = "h1", rack: str = "r1") -> Iterator[Agent]:
    """An agent that joins the running remediator of that folder; nothing of it is left behind."""
    folder = below / name
    settings = (fleet / "fleetmend.yml").read_text()
    ports = dict(re.findall(r"^(listen|fleet_listen): 127.0.0.1:(\d+)$", settings, re.MULTILINE))
    code, token = run("join-token", name, "--url", f"http://127.0.0.1:{ports['listen']}", folder=fleet)
    assert code == 0, token
    flags = {
        "--name": name, "--region": "arn", "--rack": rack, "--data": str(folder),
        "--remediator": f"http://127.0.0.1:{ports['fleet_listen']}", "--join-token": token.split()[0],
        "--listen": f"127.0.0.1:{free_port()}", "--snapshots": str(below / "snapshots"), "--uuid": f"chassis-{name}",
        "--capacity": "cpus=4,memory_mb=4096,disk_mb=256", "--loops": "off",
    }  # fmt: skip
    command = [sys.executable, "-m", "remediator.agent.cli", *(word for pair in flags.items() for word in pair)]
    with (below / f"{name}.log").open("ab") as log:
        agent = Agent(folder, command, subprocess.Popen(command, stdout=log, stderr=log))
    try:
        yield agent
    finally:
        agent.end()
        shutil.rmtree(folder, ignore_errors=True)
