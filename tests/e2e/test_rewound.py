"""Yesterday's backup is restored under a living fleet: nothing is done to it until a person has seen the gap."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import Running, fresh_folder, run, running

pytestmark = pytest.mark.e2e
SECONDS = 15
SLEEPS = {"init": {"exec": ["/bin/sh", "-c", "exec sleep 600"]}, "guest": {"cpus": 1, "memory_mb": 64}}


@pytest.fixture
def below() -> Iterator[Path]:
    """A folder that machines may walk through: pytest's own is closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="fleetmend-rewound-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


class Fleet:
    """What a client of the fleet does and sees."""

    def __init__(self, ours: Running, folder: Path) -> None:
        self.url = ours.url
        token = (folder / "data" / "operator.token").read_text().strip()
        self.headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = requests.request(method, self.url + path, json=body, headers=self.headers, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json()

    def create(self, name: str) -> str:
        self.until(lambda: self.host().get("status") == "ok")
        body = {"name": name, "region": "arn", "config": SLEEPS}
        return str(self.ask("POST", "/v1/apps/web/machines", body)["id"])

    def host(self) -> dict[str, Any]:
        return next((host for host in self.ask("GET", "/v1/status")["hosts"] if host["name"] == "h1"), {})

    def ready(self) -> str:
        return str(self.ask("GET", "/readyz")["degraded"])

    def until(self, true: Callable[[], object], seconds: float = SECONDS) -> None:
        end = time.perf_counter() + seconds
        while not true():
            assert time.perf_counter() < end, self.ask("GET", "/v1/reconcile")
            time.sleep(0.05)


def since_the_copy(folder: Path, agent: Agent) -> tuple[str, str]:
    """A machine from before the copy, and one that a later term made; then the copy takes the journal's place."""
    fleet = folder.parent
    with running(folder) as ours:
        kept = Fleet(ours, folder).create("kept")
    shutil.copytree(folder / "data", fleet / "yesterday")
    with running(folder) as ours:
        made = Fleet(ours, folder).create("made")
    shutil.rmtree(folder / "data")
    (fleet / "yesterday").rename(folder / "data")
    assert agent.processes(kept)
    assert agent.processes(made)
    return kept, made


def test_yesterdays_backup_changes_nothing_until_a_person_accepts(below: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT ROOT: MACHINES OF THE AGENT ARE NOT STARTED")
    folder = fresh_folder(below)
    with running(folder):
        agents = joined(folder, below)
        agent = agents.__enter__()
    try:
        kept, made = since_the_copy(folder, agent)
        before = agent.processes(kept) | agent.processes(made)
        with running(folder) as ours:
            fleet = Fleet(ours, folder)
            held_until_accepted(fleet, agent, kept, made)
            assert agent.processes(kept) | agent.processes(made) == before
            code, said = run(
                "reconcile", "--from-agents", "--accept", "--why", "the disk failed", "--url", ours.url, folder=folder
            )
            assert code == 0, said
            fleet.until(lambda: "rewound" not in fleet.ready())
            # The destroy that was asked for meanwhile was not lost, and what the copy did not know is ours again.
            fleet.until(lambda: not agent.processes(kept))
            fleet.until(lambda: fleet.ask("GET", f"/v1/apps/web/machines/{made}")["state"] == "started")
            assert agent.processes(made)
            fleet.ask("DELETE", f"/v1/apps/web/machines/{made}?force=true")
            fleet.until(lambda: not agent.processes(made))
    finally:
        agents.__exit__(None, None, None)


def held_until_accepted(fleet: Fleet, agent: Agent, kept: str, made: str) -> None:
    """It says so, shows both sides, accepts requests durably, and sends none of them."""
    fleet.until(lambda: "rewound: agent h1 is ahead of our journal" in fleet.ready())
    fleet.until(lambda: not fleet.ask("GET", "/v1/reconcile")["silent"])
    gap = fleet.ask("GET", "/v1/reconcile")
    assert [each["id"] for each in gap["unknown"]] == [made]
    assert (gap["elsewhere"], gap["missing"], gap["ahead"][0]["host"]) == ([], [], "h1")
    fleet.ask("DELETE", f"/v1/apps/web/machines/{kept}?force=true")
    time.sleep(1.5)
    assert agent.processes(kept)
    code, said = run("reconcile", "--from-agents", "--url", fleet.url)
    assert code == 0, said
    assert "1 machines that run, and that the journal does not know" in said
    assert made in said
