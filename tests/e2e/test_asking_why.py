"""whatif, its metric and explanations, asked of a running remediator whose hosts have not joined yet."""

import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.one_process import fresh_folder, run, running

pytestmark = pytest.mark.store
SECONDS = 20


def looked(url: str) -> dict[str, Any]:
    """The first outlook: some seconds after the start."""
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        told: dict[str, Any] = requests.get(f"{url}/v1/whatif", timeout=5).json()
        if told["at"]:
            return told
        time.sleep(0.1)
    pytest.fail("no outlook in time")


def test_a_running_remediator_tells_who_could_be_acted_on_and_why_not(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path)
    (folder / "hosts.yml").write_text("- {name: h1, region: arn, rack: r1}\n- {name: h2, region: arn, rack: r2}\n")
    with running(folder) as ours:
        assert looked(ours.url)["held"] == {"NotJoined": 2}
        page = requests.get(f"{ours.url}/metrics", timeout=5).text
        assert 'fleetmend_can_act{blocker="NotJoined",host="h1",rack="r1",region="arn"} 0.0' in page
        code, told = run("whatif", "--url", ours.url)
        assert (code, told.splitlines()[1].split()[3:6]) == (0, ["never", "NotJoined", "it"])
        code, told = run("explain", "h1", "--url", ours.url)
        assert code == 0
        assert "never as things are set up: it has never joined" in told
        answer = requests.get(f"{ours.url}/explain/h1", timeout=5)
        assert (answer.status_code, "Playbook host_dead (auto) on h1" in answer.text) == (200, True)


def test_a_fresh_folder_passes_its_own_tests_and_knows_its_hosts(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path)
    code, told = run("test", "--no-promtool", folder=folder)
    assert (code, "failed" in told) == (0, False), told
    (folder / "hosts.yml").write_text("".join(f"- {{name: h{n}, region: arn, rack: r{n}}}\n" for n in range(4)))
    code, told = run("whatif", "--offline", folder=folder)
    assert (code, told.splitlines()[-1]) == (0, "4 of 4 would be acted on")
