"""A join whose answer was lost: the same agent asks once more with the token that it has spent, and is let in."""

from pathlib import Path

import pytest
import requests

from tests.e2e.one_agent import joined
from tests.e2e.one_process import fresh_folder, running
from tests.e2e.test_machine_life import wait_for

pytestmark = pytest.mark.e2e


def test_an_agent_that_never_heard_that_it_joined_joins(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path)
    with running(folder) as remediator, joined(folder, tmp_path) as agent:
        pinned = agent.folder / "state" / "pinned.json"
        first = wait_for(lambda: pinned.exists() and pinned.read_text())
        agent.process.kill()
        agent.process.wait(10)
        pinned.unlink()
        agent.begin()
        assert wait_for(lambda: pinned.exists() and pinned.read_text()) == first
        # Others with that token are refused: these keys are not the agent's.
        token = agent.command[agent.command.index("--join-token") + 1]
        ask = {"token": token, "kind": "agent", "name": "h1", "region": "arn", "rack": "r1", "verify_key": "x"}
        place = agent.command[agent.command.index("--remediator") + 1]
        assert requests.post(f"{place}/internal/join", json=ask, timeout=5).status_code == 403
        wait_for(lambda: '"code":"arn"' in requests.get(f"{remediator.url}/v1/platform/regions", timeout=5).text)
