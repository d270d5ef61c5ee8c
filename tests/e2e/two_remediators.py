"""Two remediators on one PostgreSQL, as processes with the same keys; each can be killed, stopped and started."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from remediator.keyring import load_keys
from remediator.wire.keys import load_box_key
from tests.e2e.one_process import BIN, fresh_folder
from tests.store_lab import free_port

KEYS = ("box.key", "signing.key", "operator.key", "operator.token", "join.secret", "unseal.key")


@dataclass
class Candidate:
    """One of them; ``url`` is its public address, ``fleet_url`` the one for agents and probers."""

    name: str
    folder: Path
    url: str
    fleet_url: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "stderr.txt").open("ab") as said:
            self.process = subprocess.Popen([str(BIN / "fleetmend"), "run"], cwd=self.folder, stderr=said)

    def send(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)

    def lives(self) -> bool:
        return self._answers("/healthz")

    def leads(self) -> bool:
        return self._answers("/v1/status")

    def _answers(self, path: str) -> bool:
        try:
            return requests.get(f"{self.url}{path}", timeout=1).status_code == 200
        except requests.RequestException:
            return False

    def end(self) -> int:
        """As a service is ended; its exit code."""
        if self.process is None:
            return 0
        self.send(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(20)

    def said(self) -> str:
        return (self.folder / "stderr.txt").read_text()


def pair(below: Path, urls: tuple[str, str], settings: str = "") -> tuple[Candidate, Candidate]:
    """Two candidates with the same keys, not yet started; each has its own way to the database."""
    found = []
    for name, url in zip(("a", "b"), urls, strict=True):
        (below / name).mkdir()
        folder = fresh_folder(below / name)
        file = folder / "fleetmend.yml"
        ports = [free_port(), free_port()]
        file.write_text(
            f"name: {name}\njournal: {url}\nlisten: 127.0.0.1:{ports[0]}\nfleet_listen: 127.0.0.1:{ports[1]}\n"
            f"store_url: http://127.0.0.1:1\n{settings}"
        )
        public, fleet = (f"http://127.0.0.1:{port}" for port in ports)
        found.append(Candidate(name, folder, public, fleet))
    _share_keys(*found)
    return found[0], found[1]


def _share_keys(one: Candidate, other: Candidate) -> None:
    """As the first makes them at a start of its own, and an operator copies them."""
    made, copied = one.folder / "data", other.folder / "data"
    for folder in (made, copied):
        folder.mkdir(mode=0o700, exist_ok=True)
    load_keys(made)
    load_box_key(made / "unseal.key")
    for name in KEYS:
        shutil.copy(made / name, copied / name)


def said_to(url: str, body: dict[str, Any], headers: dict[str, str], seconds: float = 30.0) -> Any:
    """The answer, once there is one that is no 503: then nothing was done, and it is asked again."""
    end = time.perf_counter() + seconds
    while True:
        found = requests.post(url, json=body, headers=headers, timeout=20)
        if found.status_code != 503 or time.perf_counter() > end:
            assert found.status_code < 300, found.text
            return found.json()
        time.sleep(0.2)


def until(true: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds until it was so."""
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        if true():
            return time.perf_counter() - began
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")
