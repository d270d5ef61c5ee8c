"""Vantages that report over HTTP as probers do, and see what a test says: a host that is off is silent."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.e2e.one_process import run


class Eyes:
    """Three vantages in racks of their own, two for each host; ``dark`` are the hosts that they hear nothing of."""

    def __init__(self, fleet: Path) -> None:
        settings = (fleet / "fleetmend.yml").read_text()
        places = dict(re.findall(r"^(listen|fleet_listen): ([\d.]+:\d+)$", settings, re.MULTILINE))
        self._public, self._url = (f"http://{places[name]}" for name in ("listen", "fleet_listen"))
        self.dark: set[str] = set()
        self._ended = threading.Event()
        self._tokens = {name: self._enrolled(fleet, name) for name in ("p1", "p2", "p3")}
        self._targets: dict[str, list[str]] = {name: [] for name in self._tokens}
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _enrolled(self, fleet: Path, name: str) -> str:
        code, token = run("join-token", name, "--url", self._public, folder=fleet)
        assert code == 0, token
        asked = {"token": token.split()[0], "kind": "vantage", "name": name, "region": "arn", "rack": f"rack-{name}"}
        joined: dict[str, str] = requests.post(f"{self._url}/internal/join", json=asked, timeout=5).json()
        return joined["token"]

    def _look(self) -> None:
        while not self._ended.wait(0.5):
            for name, token in self._tokens.items():
                self._report(name, token)

    def _report(self, name: str, token: str) -> None:
        seen = [{"host": host, "outcome": "silent" if host in self.dark else "ok"} for host in self._targets[name]]
        report = {
            "vantage": name, "region": "arn", "rack": f"rack-{name}", "address": "127.0.0.1:1",
            "results": seen, "health": {"gateway": "ok"},
        }  # fmt: skip
        told = requests.post(
            f"{self._url}/internal/probes", json=report, headers={"Authorization": f"Bearer {token}"}, timeout=5
        )
        if told.ok:
            self._targets[name] = [target["host"] for target in told.json()["targets"]]

    def targets(self, host: str) -> int:
        """How many look at that host."""
        return sum(host in targets for targets in self._targets.values())

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(10)


@contextmanager
def open_eyes(fleet: Path) -> Iterator[Eyes]:
    """Vantages of the running remediator of that folder, for as long as the block lasts."""
    eyes = Eyes(fleet)
    eyes.begin()
    try:
        yield eyes
    finally:
        eyes.end()
