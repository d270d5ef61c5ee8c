"""One real agent as a process, joined to a remediator that a test runs as another."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from remediator.agent.processes import Owner, find_processes, stop_and_kill
from tests.e2e.one_process import run
from tests.store_lab import free_port

CAPACITY = "cpus=4,memory_mb=4096,disk_mb=256"


@dataclass
class Agent:
    """A host: its folder, its agent's process, and what runs on it."""

    folder: Path
    command: list[str]
    log: Path
    process: "subprocess.Popen[bytes]"

    def begin(self) -> None:
        """Its agent's process anew, on the same folder."""
        self.process = started(self.command, self.log)

    def processes(self, machine: str) -> set[int]:
        return {each.pid for each in find_processes([self._owner(machine)])[machine]}

    def runs(self, machines: Iterable[str]) -> set[str]:
        """Those of them that have a process, in one look."""
        found = find_processes([self._owner(machine) for machine in machines])
        return {machine for machine, processes in found.items() if processes}

    def _owner(self, machine: str) -> Owner:
        return Owner(machine, str(self.folder / "disk" / "machines" / machine))

    def machines(self) -> list[str]:
        return [path.name for path in (self.folder / "disk" / "machines").glob("*")]

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)
        owners = [self._owner(name) for name in self.machines()]
        while stop_and_kill(owners):
            pass


def started(command: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as said:
        return subprocess.Popen(command, stdout=said, stderr=said)


@dataclass(frozen=True)
class Place:
    """Where a host stands, and whom its agent dials."""

    name: str
    region: str
    rack: str
    remediators: str
    capacity: str = CAPACITY


@contextmanager
def joined(fleet: Path, below: Path, name: str = "h1", rack: str = "r1", capacity: str = CAPACITY) -> Iterator[Agent]:
    """An agent that joins the running remediator of that folder; nothing of it is left behind."""
    settings = (fleet / "fleetmend.yml").read_text()
    ports = dict(re.findall(r"^(listen|fleet_listen): 127.0.0.1:(\d+)$", settings, re.MULTILINE))
    code, token = run("join-token", name, "--url", f"http://127.0.0.1:{ports['listen']}", folder=fleet)
    assert code == 0, token
    place = Place(name, "arn", rack, f"http://127.0.0.1:{ports['fleet_listen']}", capacity)
    with joined_with(token.split()[0], place, below) as agent:
        yield agent


@contextmanager
def joined_with(token: str, place: Place, below: Path, within: Sequence[str] = ()) -> Iterator[Agent]:
    """An agent with its token, started by ``within`` if that is given; nothing of it is left behind."""
    folder = below / place.name
    flags = {
        "--name": place.name, "--region": place.region, "--rack": place.rack, "--data": str(folder),
        "--remediator": place.remediators, "--join-token": token,
        "--listen": f"127.0.0.1:{free_port()}", "--snapshots": str(below / "snapshots"),
        "--uuid": f"chassis-{place.name}", "--capacity": place.capacity, "--loops": "off",
        "--programs": str(below / "programs"),
    }  # fmt: skip
    words = (word for pair in flags.items() for word in pair)
    command = [*within, sys.executable, "-m", "remediator.agent.cli", *words]
    log = below / f"{place.name}.log"
    agent = Agent(folder, command, log, started(command, log))
    try:
        yield agent
    finally:
        agent.end()
        shutil.rmtree(folder, ignore_errors=True)
