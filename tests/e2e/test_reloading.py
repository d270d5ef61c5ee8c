"""Rules edited under a running remediator: by the file alone, by SIGHUP, by POST; and edits that are refused."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.one_process import Running, fresh_folder, running

pytestmark = pytest.mark.store
SECONDS = 20


class Site:
    """A running remediator, its folder, and what it says of its rules."""

    def __init__(self, ours: Running, folder: Path) -> None:
        self.url = ours.url
        self.process = ours.process
        self.playbook = folder / "rules" / "playbooks" / "host_dead.yml"

    def edit(self, old: str, new: str) -> None:
        text = self.playbook.read_text()
        assert old in text
        self.playbook.write_text(text.replace(old, new))

    def rules(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.url}/v1/status", timeout=5).json()["rules"])

    def metric(self, name: str) -> str:
        page = requests.get(f"{self.url}/metrics", timeout=5).text
        return next(line.split()[1] for line in page.splitlines() if line.startswith(f"{name} "))

    def mode(self) -> str:
        return str(requests.get(f"{self.url}/v1/status", timeout=5).json()["modes"]["host_dead"])

    def log(self) -> str:
        return (self.playbook.parents[2] / "stderr.txt").read_text()

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.perf_counter() + SECONDS
        while not condition():
            assert time.perf_counter() < end, self.rules()
            time.sleep(0.05)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = fresh_folder(tmp_path)
    with running(folder) as ours:
        yield Site(ours, folder)


def test_an_edit_takes_effect_by_itself(site: Site) -> None:
    before = site.rules()
    site.edit("mode: auto", "mode: shadow")
    site.until(lambda: site.mode() == "shadow")
    assert site.rules()["digest"] != before["digest"]


def test_a_bad_edit_changes_nothing_and_is_shown_everywhere(site: Site) -> None:
    before = site.rules()
    site.edit("mode: auto", "mode: automatic")
    site.until(lambda: bool(site.rules()["refused"]))
    told = site.rules()
    assert (told["digest"], site.mode()) == (before["digest"], "auto")
    assert "host_dead.yml:4:7" in told["refused"][0]
    assert site.metric("fleetmend_config_last_reload_successful") == "0.0"
    degraded = requests.get(f"{site.url}/readyz", timeout=5).json()["degraded"]
    assert any("a newer set is refused" in line and "host_dead.yml:4:7" in line for line in degraded)
    answer = requests.post(f"{site.url}/-/reload", timeout=5)
    assert answer.status_code == 500
    assert answer.json()["refused"] == told["refused"]
    site.edit("mode: automatic", "mode: auto")
    site.until(lambda: site.metric("fleetmend_config_last_reload_successful") == "1.0")


def test_a_post_reads_at_once(site: Site) -> None:
    site.edit("mode: auto", "mode: approve")
    answer = requests.post(f"{site.url}/-/reload", timeout=5)
    assert (answer.status_code, answer.json()["refused"], site.mode()) == (200, [], "approve")


def test_sighup_reads_and_does_not_end_it(site: Site) -> None:
    asked = len(site.log())
    site.process.send_signal(signal.SIGHUP)
    site.edit("mode: auto", "mode: disabled")
    site.until(lambda: site.mode() == "disabled")
    assert site.process.poll() is None
    assert "in force" in site.log()[asked:]
