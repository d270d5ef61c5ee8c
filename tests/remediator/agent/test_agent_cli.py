"""Wrong flags, tokens and folders: one clear line, exit code 2, nothing lost."""

import sqlite3
import subprocess
from asyncio import to_thread
from collections.abc import AsyncIterator

import aiohttp
import pytest

from remediator.agent.trial import Trial, on_trial, port_of, running

pytestmark = pytest.mark.slow


@pytest.fixture
async def host() -> AsyncIterator[Trial]:
    async with on_trial() as trial:
        yield trial


def ran(host: Trial, token: str = "", *more: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [*host.command(token), *more], env=host.environment, capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("fleetmend-agent:")]


async def elsewhere(host: Trial, token: str) -> tuple[int, list[str]]:
    return await to_thread(ran, host, token, "--data", str(host.root / "h2"), "--listen", "127.0.0.1:0")


@pytest.mark.parametrize("secret", ["wrong", "once"])
async def test_a_wrong_token_is_one_line(host: Trial, secret: str) -> None:
    token = f"{secret}.{'0' * 16}" if secret == "once" else f"{secret}.{host.fake.token.partition('.')[2]}"
    code, lines = await elsewhere(host, token)
    assert (code, len(lines)) == (2, 1)
    assert ("fingerprint" if secret == "once" else "unknown, used or too old") in lines[0]
    assert token not in lines[0]
    assert not (host.root / "h2/state/pinned.json").exists()


async def test_no_token_at_all_is_one_line(host: Trial) -> None:
    code, lines = await elsewhere(host, "none")
    assert (code, len(lines), "not enrolled" in lines[0]) == (2, 1, True)


async def test_a_folder_has_one_agent(host: Trial) -> None:
    code, lines = await to_thread(ran, host)
    assert (code, len(lines), "another agent" in lines[0]) == (2, 1, True)


async def test_a_port_in_use_is_one_line(host: Trial) -> None:
    code, lines = await to_thread(ran, host, "", "--data", str(host.root / "h2"))
    assert (code, len(lines), "cannot listen" in lines[0]) == (2, 1, True)


async def test_wrong_values_are_all_told(host: Trial) -> None:
    code, lines = await to_thread(ran, host, "", "--capacity", "cpus=many", "--listen", "here", "--label", "x")
    assert (code, len(lines)) == (2, 3)


async def test_a_newer_state_is_left_alone(host: Trial) -> None:
    await host.end()
    database = sqlite3.connect(host.data / "state/agent.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    code, lines = await to_thread(ran, host)
    assert (code, len(lines), "newer version" in lines[0]) == (2, 1, True)


async def test_what_is_secret_is_the_owners_alone(host: Trial) -> None:
    await host.create("m1", running("exec sleep 600", env={"TOKEN": "hunter2"}))
    modes = {path.name: path.stat().st_mode & 0o077 for path in (host.data / "state").iterdir()}
    assert not any(modes.values())
    assert {"agent.db", "box.key", "signing.key", "pinned.json"} <= modes.keys()
    assert "hunter2" not in host.log


async def test_healthz_says_ok(host: Trial) -> None:
    url = f"http://127.0.0.1:{port_of(host.root)}/healthz"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert (response.status, await response.text()) == (200, "ok")
