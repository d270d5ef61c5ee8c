"""`kill -9` of the remediator after it wrote down what its client was not answered: asked again, it is done once."""

import signal
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.bench.undead_fleet import NOTHING
from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import fresh_folder, start
from tests.e2e.test_destroys_outlive_kill import ended
from tests.e2e.test_machine_life import Api, wait_for

pytestmark = pytest.mark.e2e
SMALL = "cpus=1,memory_mb=512,disk_mb=64"
LARGER = {**NOTHING, "guest": {"cpus": 2, "memory_mb": 64}}


class Site:
    """A remediator that is killed and started again on the same folder, and an app of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remediator = start(folder)
        self.api = Api(self.remediator, folder)

    def known(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.session.get(f"{self.api.root}/v1/status", timeout=5).json()[kind]
        return found

    def killed_amid(self, agent: Agent, path: str, body: dict[str, Any], kind: str) -> dict[str, Any]:
        """What was written down of a kind: asked for while that agent hears nothing, and not answered."""
        answered: list[int] = []

        def ask() -> None:
            with suppress(requests.RequestException):
                answered.append(requests.post(f"{self.api.url}{path}", json=body, headers=headers, timeout=20).ok)

        headers = dict(self.api.session.headers)
        asking = threading.Thread(target=ask)
        agent.process.send_signal(signal.SIGSTOP)
        try:
            asking.start()
            (written,) = wait_for(lambda: self.known(kind))
            ended(self.remediator)
            asking.join(25)
        finally:
            agent.process.send_signal(signal.SIGCONT)
        assert answered == []
        self.remediator = start(self.folder)
        return dict(written)

    def again(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """As clients do that had no answer, until they have one."""

        def told() -> Any:
            answer = self.api.session.post(f"{self.api.url}{path}", json=body, timeout=40)
            assert answer.status_code in (200, 412, 503), answer.text
            return answer.json() if answer.ok else None

        found: dict[str, Any] = wait_for(told)
        return found


def test_what_is_asked_again_is_done_once(tmp_path: Path) -> None:
    """A create without a key, and an update that moves its machine to where there is room for it."""
    with ExitStack() as stack:
        site = Site(fresh_folder(tmp_path))
        stack.callback(lambda: ended(site.remediator))
        home = stack.enter_context(joined(site.folder, tmp_path, capacity=SMALL))
        wait_for(lambda: [host for host in site.known("hosts") if host["status"] == "ok"])
        body = {"config": NOTHING, "region": "arn"}
        written = site.killed_amid(home, "", body, "machines")
        made = site.again("", body)
        assert [made["id"]] == [written["id"]] == [each["id"] for each in site.api.ask("GET")]
        assert len(home.processes(made["id"])) == 1

        other = stack.enter_context(joined(site.folder, tmp_path, "h2", "r2"))
        wait_for(lambda: len([host for host in site.known("hosts") if host["status"] == "ok"]) == 2)
        path, body = f"/{made['id']}", {"config": LARGER}
        site.killed_amid(home, path, body, "migrations")
        moved = site.again(path, body)
        assert (moved["id"], moved["config"]) == (made["id"], LARGER)
        wait_for(lambda: (len(home.processes(made["id"])), len(other.processes(made["id"]))) == (0, 1))
        assert [each["id"] for each in site.api.ask("GET")] == [made["id"]]
        assert len(site.known("migrations")) == 1
