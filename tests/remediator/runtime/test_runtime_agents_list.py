"""The list by which stop-all finds the agents: what cannot be written now is written later, and ends nobody."""

import asyncio
import json
from pathlib import Path

from remediator.runtime.agents.rounds import publish_agents
from tests.remediator.builders import host
from tests.remediator.runtime.lab import Lab


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_list_that_cannot_be_written_is_written_later(lab: Lab, tmp_path: Path) -> None:
    await lab.put(host("h1", address="10.0.0.1", agent_port=9080))
    file = tmp_path / "away" / "agents.json"
    publishing = asyncio.create_task(publish_agents(lab.ledger, file, lab.clock))
    await turns()
    assert not publishing.done()
    file.parent.mkdir()
    await turns()
    assert json.loads(file.read_text()) == [{"name": "h1", "address": "10.0.0.1", "port": 9080}]
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
