"""stop-all and thaw: everybody at once, with or without the remediator."""

import argparse
import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from remediator.commands import stop_all, thaw
from remediator.wire.freeze import check_freeze
from remediator.wire.keys import load_signing_key


class Agents:
    """Two agents and a remediator that take freezes, all on one listener of their own each."""

    def __init__(self) -> None:
        self.heard: dict[str, list[dict[str, Any]]] = {}
        self.status = 200

    def app(self, name: str) -> web.Application:
        async def take(request: web.Request) -> web.Response:
            self.heard.setdefault(name, []).append(await request.json())
            told = {} if self.status == 200 else {"error": "a younger word holds"}
            return web.json_response(told, status=self.status)

        app = web.Application()
        app.router.add_post("/v1/freeze", take)
        return app


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
async def ports(agents: Agents) -> AsyncIterator[dict[str, int]]:
    servers = {name: TestServer(agents.app(name)) for name in ("remediator", "h1", "h2")}
    for server in servers.values():
        await server.start_server()
    yield {name: server.port or 0 for name, server in servers.items()}
    for server in servers.values():
        await server.close()


@pytest.fixture
def data(tmp_path: Path, ports: dict[str, int]) -> Path:
    load_signing_key(tmp_path / "operator.key")
    rows = [
        {"name": "h1", "address": "127.0.0.1", "port": ports["h1"]},
        {"host": "h2", "address": "127.0.0.1", "agent_port": ports["h2"]},
    ]
    (tmp_path / "agents.json").write_text(json.dumps(rows))
    return tmp_path


async def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    stop_all.add_parser(subparsers)
    thaw.add_parser(subparsers)
    args = parser.parse_args(words)
    code = await asyncio.to_thread(args.run, args)
    assert isinstance(code, int)
    return code


async def test_everybody_hears_a_signed_word(
    agents: Agents, ports: dict[str, int], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{ports['remediator']}"
    assert await run("stop-all", "--why", "bad deploy", "--url", url, "--data", str(data)) == 0
    assert set(agents.heard) == {"remediator", "h1", "h2"}
    freeze = check_freeze(agents.heard["h1"][0], load_signing_key(data / "operator.key").verify_key)
    assert (freeze.frozen, freeze.why) == (True, "bad deploy")
    assert "stopped: 3 of 3 confirmed in" in capsys.readouterr().out


async def test_thaw_is_the_same_the_other_way(agents: Agents, ports: dict[str, int], data: Path) -> None:
    url = f"http://127.0.0.1:{ports['remediator']}"
    assert await run("thaw", "--url", url, "--data", str(data)) == 0
    assert agents.heard["h2"][0]["frozen"] is False


async def test_a_thaw_has_a_reason_too_and_nobody_is_asked_for_one_before_stopping(
    agents: Agents, ports: dict[str, int], data: Path
) -> None:
    url = f"http://127.0.0.1:{ports['remediator']}"
    assert await run("thaw", "--why", "the drill is over", "--url", url, "--data", str(data)) == 0
    assert await run("stop-all", "--why", " ", "--url", url, "--data", str(data)) == 0
    assert [each["why"] for each in agents.heard["h2"]] == ["the drill is over", "stop-all"]


async def test_it_works_when_the_remediator_is_gone(
    agents: Agents, data: Path, unused_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{unused_port}"
    assert await run("stop-all", "--url", url, "--data", str(data), "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert set(agents.heard) == {"h1", "h2"}
    assert [row["confirmed"] for row in told["recipients"]] == [False, True, True]
    assert told["recipients"][0]["text"] == "connection refused"
    assert told["all"] is False
    assert told["seconds"] < 1


async def test_silent_ones_cost_less_than_a_second(
    ports: dict[str, int], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as deaf:
        # Accepts by its backlog and never answers.
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        rows = [{"name": f"h{n}", "address": "127.0.0.1", "port": deaf.getsockname()[1]} for n in range(150)]
        (data / "agents.json").write_text(json.dumps(rows))
        url = f"http://127.0.0.1:{ports['remediator']}"
        assert await run("stop-all", "--url", url, "--data", str(data), "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["recipients"][1]["text"] == "no answer within 0.8 s"
    assert told["seconds"] < 1.5


async def test_a_refusal_is_no_confirmation(
    agents: Agents, ports: dict[str, int], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agents.status = 422
    url = f"http://127.0.0.1:{ports['remediator']}"
    assert await run("stop-all", "--url", url, "--data", str(data)) == 1
    assert "h1: NOT confirmed: answers 422: a younger word holds (" in capsys.readouterr().out


async def test_no_key_is_made_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("stop-all", "--data", str(tmp_path)) == 2
    assert f"there is no operator key at {tmp_path}/operator.key" in capsys.readouterr().err
    assert not (tmp_path / "operator.key").exists()


async def test_a_key_that_others_may_read_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "operator.key").chmod(0o644)
    assert await run("stop-all", "--data", str(data)) == 2
    assert "others may read this secret" in capsys.readouterr().err


async def test_the_file_alone_needs_neither_key_nor_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = tmp_path / "agent"
    agent.mkdir()
    assert await run("stop-all", "--why", "smoke", "--file", str(agent), "--data", str(tmp_path)) == 0
    assert (agent / "freeze").read_text().startswith("smoke (")
    assert await run("thaw", "--file", str(agent), "--data", str(tmp_path)) == 0
    assert not (agent / "freeze").exists()
    assert "thawed: the file" in capsys.readouterr().out


async def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("stop-all", "--file", str(tmp_path / "none"), "--data", str(tmp_path)) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", '[{"name": "h1"}]', '[{"name": "h1", "address": "::1", "port": -1}]'])
async def test_an_unusable_list_of_agents_keeps_nobody_else_from_hearing(
    agents: Agents, ports: dict[str, int], data: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "agents.json").write_text(text)
    url = f"http://127.0.0.1:{ports['remediator']}"
    assert await run("stop-all", "--url", url, "--data", str(data)) == 1
    assert set(agents.heard) == {"remediator"}
    assert f"agents: NOT confirmed: {data}/agents.json: " in capsys.readouterr().out


async def test_hosts_that_never_joined_are_not_waited_for(agents: Agents, ports: dict[str, int], data: Path) -> None:
    rows = [
        {"name": "h9", "address": "10.77.0.19", "port": 0},
        {"name": "h1", "address": "127.0.0.1", "port": ports["h1"]},
    ]
    (data / "agents.json").write_text(json.dumps(rows))
    assert await run("stop-all", "--url", f"http://127.0.0.1:{ports['remediator']}", "--data", str(data)) == 0
    assert set(agents.heard) == {"remediator", "h1"}
