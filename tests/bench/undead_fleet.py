"""A real remediator and one real agent with many machines that do nothing; its host is cut off, and comes back."""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from scripts.story.report import returns_of
from tests.e2e.eyes import Eyes, open_eyes
from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import fresh_folder, running

NOTHING = {"init": {"exec": ["/bin/sleep", "1000000"]}, "guest": {"cpus": 0.01, "memory_mb": 1}}
ROOM = "cpus=100,memory_mb=1000000,disk_mb=100000"
SIDE_BY_SIDE = 16
PATIENCE_SECONDS = 60.0


@dataclass
class Undead:
    """What came of one return: seconds of all the destroys, from contact to the last end, and routes that lied."""

    asked_seconds: float
    gone_seconds: float | None
    routed: set[str] = field(default_factory=set)


@dataclass
class Fleet:
    """Machines of app ``web`` on host ``h1``."""

    url: str
    folder: Path
    agent: Agent
    eyes: Eyes
    local: threading.local = field(default_factory=threading.local)

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
            token = (self.folder / "data" / "operator.token").read_text().strip()
            self.local.session.headers["Authorization"] = f"Bearer {token}"
        answer: requests.Response = self.local.session.request(method, self.url + path, timeout=60, **more)
        return answer

    def create(self, many: int, config: dict[str, Any] = NOTHING) -> list[str]:
        def one(_: int) -> str:
            made = self.ask("POST", "/v1/apps/web/machines", json={"config": config, "region": "arn"})
            made.raise_for_status()
            return str(made.json()["id"])

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return list(pool.map(one, range(many)))

    def cut_off(self) -> None:
        """Nobody hears the host any more; its machines run on."""
        self.eyes.dark.add("h1")
        self.agent.process.kill()
        self.agent.process.wait(10)
        _until(lambda: '"unreachable"' in self.ask("GET", "/v1/status").text)

    def destroyed(self, machines: Sequence[str]) -> float:
        """Asked for by their owner, side by side; the seconds that all of it took."""

        def one(machine: str) -> None:
            self.ask("DELETE", f"/v1/apps/web/machines/{machine}?force=true").raise_for_status()

        began = time.monotonic()  # noqa: TID251
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(one, machines))
        return time.monotonic() - began  # noqa: TID251

    def returned(self, machines: Sequence[str], asked_seconds: float) -> Undead:
        """The host comes back; ends once every one of them was seen absent by its agent."""
        since, found = time.time(), Undead(asked_seconds, None)  # noqa: TID251
        self.eyes.dark.clear()
        self.agent.begin()

        def over() -> bool:
            routes = self.ask("GET", "/v1/apps/web/routes").json()
            found.routed |= {str(route["machine"]) for route in routes} & set(machines)
            return set(machines) <= self._absent()

        _until(over)
        told = returns_of(self.folder / "data" / "journal.db", "h1", since)
        found.gone_seconds = told.seconds if told else None
        left = self.agent.runs(machines)
        assert not left, f"{len(left)} still run"
        _until(lambda: self.ask("GET", "/v1/status").json()["hosts"][0]["life"] == "healthy")
        return found

    def _absent(self) -> set[str]:
        with sqlite3.connect(f"file:{self.folder / 'data' / 'journal.db'}?mode=ro", uri=True) as database:
            return {str(row[0]) for row in database.execute("SELECT subject FROM entries WHERE kind = 'destroyed'")}


@contextmanager
def undead_fleet() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory() as below:
        folder = fresh_folder(Path(below))
        with (folder / "fleetmend.yml").open("a") as settings:
            # The next round's machines are launched on a host that takes work again.
            settings.write("probation: 1s\n")
        host = joined(folder, Path(below), capacity=ROOM)
        with running(folder) as remediator, host as agent, open_eyes(folder) as eyes:
            _until(lambda: eyes.targets("h1") >= 2)
            yield Fleet(remediator.url, folder, agent, eyes)


def _until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS  # noqa: TID251
    while not true():
        assert time.monotonic() < deadline, "it did not come about"  # noqa: TID251
        time.sleep(0.05)
