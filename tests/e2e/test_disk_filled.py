"""The disk of a running remediator's journal is filled: owners' destroys are taken and carried out, nothing stops."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import Running, fresh_folder, run, running
from tests.e2e.two_remediators import until

pytestmark = pytest.mark.e2e
SOON = 30.0
SLEEPS = {"init": {"exec": ["/bin/sh", "-c", "exec sleep 600"]}, "guest": {"cpus": 1, "memory_mb": 64}}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A fleet's folder, its data on a disk of thirty-two MiB."""
    with tempfile.TemporaryDirectory(prefix="fleetmend-filled-") as below:
        Path(below).chmod(0o711)
        made = fresh_folder(Path(below))
        data = made / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(data)], check=False)
        if os.geteuid() != 0 or mounted.returncode:
            pytest.skip("NOT ROOT: NO SMALL FILE SYSTEM FOR A JOURNAL, AND NO MACHINES")
        yield made
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def fill(data: Path) -> Path:
    """All of it, to the last page."""
    ballast = data / "ballast"
    with ballast.open("wb") as file:
        for size in (1 << 20, 1 << 12):
            while os.statvfs(data).f_bavail * os.statvfs(data).f_frsize >= size:
                file.write(bytes(size))
                file.flush()
    return ballast


class Fleet:
    """What a client does and sees."""

    def __init__(self, ours: Running, data: Path) -> None:
        self._url = ours.url
        self._headers = {"Authorization": f"Bearer {(data / 'operator.token').read_text().strip()}"}

    def ask(self, method: str, path: str, body: object = None) -> requests.Response:
        return requests.request(method, self._url + path, json=body, headers=self._headers, timeout=20)

    def create(self, name: str) -> str:
        until(lambda: any(h["status"] == "ok" for h in self.ask("GET", "/v1/status").json()["hosts"]), SOON, "ok")
        body = {"name": name, "region": "arn", "config": SLEEPS}
        return str(self.ask("POST", "/v1/apps/web/machines", body).json()["id"])

    def degraded(self) -> str:
        return str(self.ask("GET", "/readyz").json()["degraded"])


def test_a_filled_disk_loses_no_destroy_and_stops_no_machine(folder: Path) -> None:
    data = folder / "data"
    with running(folder) as ours, joined(folder, folder.parent) as agent:
        fleet = Fleet(ours, data)
        kept, gone = fleet.create("kept"), fleet.create("gone")
        served = agent.processes(kept)
        ballast = fill(data)
        until(lambda: "is needed" in fleet.degraded(), SOON, "it says that its disk is all but full")
        destroyed(fleet, agent, gone)
        assert agent.processes(kept) == served
        ballast.unlink()
        until(lambda: "is needed" not in fleet.degraded(), SOON, "there is room again")
        assert agent.processes(kept) == served
        destroyed(fleet, agent, kept)
    code, told = run("verify-journal", folder=folder)
    assert code == 0, told


def destroyed(fleet: Fleet, agent: Agent, machine: str) -> None:
    answer = fleet.ask("DELETE", f"/v1/apps/web/machines/{machine}?force=true")
    assert answer.status_code == 200, answer.text
    until(lambda: not agent.processes(machine), SOON, "it is gone")
    until(lambda: machine not in fleet.ask("GET", "/v1/status").text, SOON, "its absence is written down")
