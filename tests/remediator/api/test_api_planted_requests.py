"""Secrets planted in requests: in wrong bodies, in headers, in queries. No answer has them, and no line of a log."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from remediator.journal.opening import open_journal
from tests.remediator.api.planting import Planter, planted_in
from tests.remediator.api.tenants_town import OPERATOR, Town, opened_town
from tests.remediator.runtime.lab import Lab

pytestmark = pytest.mark.slow

NAMED = {"{app}": "web", "{app_name}": "web", "{org}": "acme", "{job}": "host", "{key}": "role"}
HEADERS = (
    "Idempotency-Key", "fly-machine-lease-nonce", "User-Agent", "Cookie", "traceparent", "Fly-Client-Trace",
    "Referer", "X-Forwarded-For", "X-Api-Key",
)  # fmt: skip
QUERY = (
    "token", "limit", "cursor", "state", "version", "ttl", "timeout", "signal", "size", "sort_by", "updated_after",
    "include_deleted", "force", "metadata.role", "since", "incarnation", "from_event_id", "org_slug", "cpus",
    "region",
)  # fmt: skip


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with opened_town(tmp_path, lab=Lab(journal=open_journal(tmp_path))) as opened:
        agent = asyncio.create_task(answering(opened.lab))
        yield opened
        agent.cancel()


async def answering(lab: Lab) -> None:
    """The agent of h1, which does what it is told."""
    while True:
        await lab.send("h1")
        await asyncio.sleep(0.001)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """By whom but the library's own listener, which a remediator's doors keep quiet."""
    return "\n".join(record.getMessage() for record in caplog.records if record.name != "aiohttp.access")


def written(folder: Path) -> str:
    return b"".join(file.read_bytes() for file in folder.glob("journal.db*")).decode("latin-1")


def requests(town: Town) -> Iterator[tuple[str, str]]:
    """Every endpoint, with the names of what is there; people's words are theirs, and are repeated to them."""
    for method, pattern in town.endpoints():
        path = pattern.replace("{id}", "va" if "/volumes/" in pattern else "a1")
        for name, value in NAMED.items():
            path = path.replace(name, value)
        # Snapshots are agents' work, and take nothing of a request.
        if method not in ("HEAD", "*") and not path.endswith(("/wait", "/-/reload", "/snapshots")):
            yield method, path


async def fields(town: Town) -> list[str]:
    """Every name that a body of ours may have, at any depth."""
    _, told = await town.get("", "/openapi.json")
    document = json.loads(told)
    bodies = [each.get("requestBody", {}) for methods in document["paths"].values() for each in methods.values()]
    found: set[str] = set()
    waiting: list[Any] = [*bodies, *document["components"]["schemas"].values()]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            found |= set(one.get("properties", {}))
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return sorted(found)


def bodies(names: list[str], plant: Planter) -> list[str]:
    """What is wrong in one way or another, with secrets for values and for keys."""
    inner = [
        {name: plant() for name in names},
        {name: [plant()] for name in names},
        {name: {plant(): plant()} for name in names},
        {name: {plant(): {plant(): [plant()]}} for name in names},
        {"env": {f"A={plant()}": plant()}, "metadata": {plant(): 1}},
    ]
    whole = [*inner, *({"config": each} for each in inner), [plant()], plant()]
    return [*map(json.dumps, whole), f'{{"config": {{"env": {{"A": "{plant()}', f"token={plant()}"]


async def said(town: Town, method: str, path: str, body: str, **headers: str) -> tuple[int, str]:
    shown = {"Authorization": f"Bearer {OPERATOR}", **headers}
    async with town.client.request(method, path, data=body or None, headers=shown) as response:
        return response.status, await response.text() + str(dict(response.headers))


async def test_no_refusal_repeats_what_was_sent(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    every = bodies(await fields(town), Planter())
    leaks = set()
    for method, path in requests(town):
        for body in every if method in ("POST", "PUT", "PATCH") else []:
            status, told = await said(town, method, path, body)
            assert status != 500, (method, path, body)
            if status >= 400 and planted_in(told) and not path.startswith("/v1/people/"):
                leaks.add((method, path, told))
    assert sorted(leaks) == []
    assert not planted_in(logged(caplog))


async def test_no_header_and_no_query_is_told_or_written(
    town: Town, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plant = Planter()
    for method, path in requests(town):
        _, told = await said(town, method, path, "{}", **{name: plant() for name in HEADERS})
        assert not planted_in(told), (method, path)
        pairs = [f"{name}={plant().replace('+', '%2B')}" for name in QUERY]
        for query in pairs if method == "GET" else ["&".join(pairs)]:
            _, told = await said(town, method, f"{path}?{query}", "{}")
            assert not planted_in(told), (method, path, query)
    await town.tenants.audit.flush()
    assert not planted_in(logged(caplog))
    told = written(tmp_path)
    assert "machines.create" in told
    assert not planted_in(told)
