"""The public specification against a real remediator with a real agent: fewer requests, and every part is real."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conformance.aiming import aim_by, named
from tests.conformance.mismatches import as_spoken
from tests.conformance.specification import read_specification
from tests.conformance.sweeping import EXAMPLES, RIGHT, swept
from tests.conformance.test_public_specification import elsewhere
from tests.e2e.one_agent import joined
from tests.e2e.one_process import fresh_folder, running

pytestmark = pytest.mark.e2e

APP = "db"
SLEEPER = {"guest": {"cpus": 1, "memory_mb": 256}, "init": {"exec": ["/bin/sleep", "600"]}}


@dataclass
class Real:
    """A remediator's process with one app on one host."""

    url: str
    token: str
    log: Path
    things: dict[str, list[str]] = field(default_factory=dict)

    def said(self) -> str:
        return self.log.read_text()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, f"{self.url}/v1/apps/{APP}{path}", json=body, headers=headers, timeout=30)
        return answer.json() if answer.content else None

    def renew(self) -> None:
        """One machine that runs and one free volume at least; no more machines than leave room."""
        machines = [each["id"] for each in self.ask("GET", "/machines") if each["state"] == "started"]
        for name in machines[2:]:
            self.ask("DELETE", f"/machines/{name}?force=true")
        if not machines:
            self.ask("POST", "/machines", {"config": SLEEPER, "region": "arn"})
        if not [each for each in self.ask("GET", "/volumes") if each["state"] == "created"]:
            self.ask("POST", "/volumes", {"name": "data", "region": "arn", "size_mb": 1})
        self.things = {
            what: [each["id"] for each in self.ask("GET", f"/{what}")] or ["none"] for what in ("machines", "volumes")
        }

    def point(self, path: str, number: int, well: bool) -> Mapping[str, str]:
        things = self.things["volumes" if "/volumes" in path else "machines"]
        return named(APP, things[0 if well else number % len(things)])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    specification = read_specification()
    assert specification
    folder = fresh_folder(tmp_path_factory.mktemp("conformance"))
    with running(folder) as remediator, joined(folder, folder.parent):
        token = (folder / "data" / "operator.token").read_text().strip()
        opened = Real(remediator.url, token, folder / "stderr.txt")
        for _ in range(150):
            opened.renew()
            if opened.things["volumes"] != ["none"]:
                break
        yield opened


def test_no_defect_no_traceback_and_answers_as_specified(real: Real) -> None:
    specification = read_specification()
    told = swept(as_spoken(specification), real, aim_by(real.point), elsewhere(specification), RIGHT, EXAMPLES // 3)
    assert sum(codes[code] for codes in told.values() for code in codes if code < 300) > len(told)
    assert "Traceback" not in real.said()
    assert "failed:" not in real.said()
