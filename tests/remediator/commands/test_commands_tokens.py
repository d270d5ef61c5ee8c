"""`fleetmend token …` and `fleetmend audit` against the public listener over a real ledger."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from remediator.cli import build_parser
from remediator.wire.tokens import PREFIX, digest_of
from tests.remediator.api.tenants_town import OPERATOR, Town, opened_town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with opened_town(tmp_path) as opened:
        yield opened


async def run(town: Town, folder: Path, *words: str) -> int:
    """A command as its process would run it, in a thread: it blocks, and the listener is in this loop."""
    (folder / "operator.token").write_text(OPERATOR)
    url = str(town.client.make_url("")).rstrip("/")
    data = [] if "--data" in words else ["--data", str(folder)]
    args = build_parser(words).parse_args([*words, "--url", url, *data])
    code = await asyncio.to_thread(args.run, args)
    assert isinstance(code, int)
    return code


async def test_a_token_is_made_listed_used_and_revoked(town: Town, tmp_path: Path, capsys: Any) -> None:
    create = ("token", "create", "--org", "acme", "--app", "web", "--write", "--expires", "30d", "--name", "ci")
    assert await run(town, tmp_path, *create) == 0
    told = capsys.readouterr()
    secret = told.out.strip()
    assert secret.startswith(PREFIX)
    assert "until 2026-08-31 12:00:00Z" in told.err
    assert (await town.get(secret, "/v1/apps/web/machines"))[0] == 200
    assert await run(town, tmp_path, "token", "list") == 0
    listed = capsys.readouterr().out
    assert "ci" in listed
    assert secret not in listed
    assert digest_of(secret) not in listed
    assert await run(town, tmp_path, "token", "revoke", "ci") == 0
    assert (await town.get(secret, "/v1/apps/web/machines"))[0] == 401


async def test_a_token_needs_whom_it_is_for(town: Town, tmp_path: Path, capsys: Any) -> None:
    assert await run(town, tmp_path, "token", "create", "--name", "ci") == 2
    assert "needs an organisation" in capsys.readouterr().err
    assert await run(town, tmp_path, "token", "create", "--name", "prometheus", "--monitor") == 0


async def test_the_audit_tells_who_asked_for_what(town: Town, tmp_path: Path, capsys: Any) -> None:
    secret = await town.token("ci")
    await town.ask(secret, "DELETE", "/v1/apps/web/machines/a2?force=true")
    await town.ask(await town.token("eyes-only", org="globex"), "DELETE", "/v1/apps/vault/machines/g1")
    assert await run(town, tmp_path, "audit", "--app", "web", "--json") == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["who"], line["operation"], line["object"], line["outcome"]) == (
        "ci", "machines.destroy", "a2", "accepted",
    )  # fmt: skip
    assert "Destroy/a2" in line["rows"]
    assert await run(town, tmp_path, "audit") == 0
    told = capsys.readouterr().out
    assert "eyes-only" in told
    assert "answered 412" in told
    assert secret not in told


async def test_reads_show_the_token_where_onlookers_may_not_look(tmp_path: Path, capsys: Any) -> None:
    async with opened_town(tmp_path, onlookers="nobody") as town:
        assert await run(town, tmp_path, "hosts") == 0
        assert "h1" in capsys.readouterr().out
        assert await run(town, tmp_path, "hosts", "--data", str(tmp_path / "elsewhere")) == 2
        assert "answers 401" in capsys.readouterr().err
