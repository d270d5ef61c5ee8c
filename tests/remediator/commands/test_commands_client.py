"""The client commands, run against a real listener over a fake control."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from remediator.api.fakes.control import FakeControl
from remediator.api.fakes.fleet import troubled_control
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.commands import decisions, explain, hosts, join_token, machines, stop_all, tables, thaw, volumes
from remediator.commands.client import MARK
from remediator.model.decision import Decision, DecisionOutcome

MODULES = (hosts, machines, volumes, decisions, explain, join_token, stop_all, thaw)
NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)


@pytest.fixture
def control() -> FakeControl:
    return troubled_control(NOW)


@pytest.fixture
async def url(control: FakeControl) -> AsyncIterator[str]:
    app = build_public_app(
        control,
        PublicSettings(),
        operator_token="right",
        requests=RequestCounter(lambda: 0.0),
        metrics_text=bytes,
    )
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for module in MODULES:
        module.add_parser(subparsers)
    return parser.parse_args(words)


async def run(*words: str) -> int:
    """The command as its process would run it, in a thread: it blocks, and the listener is in this loop."""
    args = parsed(*words)
    code = await asyncio.to_thread(args.run, args)
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_its_two_functions(module: ModuleType) -> None:
    assert callable(module.add_parser)
    assert callable(module.run)


async def test_hosts_as_plain_columns(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("hosts", "--url", url) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "REGION", "RACK", "STATUS", "LIFE", "SINCE", "VERDICT", "SERVING", "WHY"]
    assert lines[2].startswith("h2    arn     r2    unreachable  dead")
    assert lines[2].endswith("3 of 3 assigned vantages hear nothing")
    assert lines[6].endswith("cordoned: disk above 92 %")


async def test_machines_mark_those_out_of_reach(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("machines", "--app", "worker", "--url", url) == 0
    out = capsys.readouterr().out
    assert out.endswith("\n* These machines' hosts could not be reached.\n")
    rows = [line.split() for line in out.splitlines()[1:] if line.startswith("3d8")]
    assert {row[2] for row in rows} == {"worker"}
    assert all(row[0].endswith("*") is (row[5] in ("h2", "h3", "h5")) for row in rows)


async def test_volumes_look_as_they_always_did(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("volumes", "--app", "db", "--url", url) == 0
    heading, lost, well, *rest = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[0] == "ID"
    assert lost.startswith("vol_jo4v4mv88keymd0n*   created data    1536MB")
    assert well.startswith("vol_jyx9x59me85w8exr    created data    64MB")
    assert rest == ["", "* These volumes' hosts could not be reached."]


async def test_no_footer_without_a_star(url: str, control: FakeControl, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("volumes", "--app", "web", "--url", url) == 0
    assert capsys.readouterr().out == "App web has no volumes.\n"


def test_sizes_are_whole_gigabytes_where_they_can_be() -> None:
    assert [volumes.size(mb) for mb in (64, 1024, 1536, 10240)] == ["64MB", "1GB", "1536MB", "10GB"]


async def test_decisions_and_their_limit(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("decisions", "--limit", "2", "--url", url) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert await run("decisions", "--limit", "0", "--url", url) == 2
    assert "limit: must be a whole number from 1 to 1000" in capsys.readouterr().err


async def test_explain_prints_its_parts(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("explain", "h2", "--url", url) == 0
    out = capsys.readouterr().out
    assert out.startswith("host h2\n\nWhat is so:\n  - h2 (arn, rack r2) is dead")
    assert "\nWhat would change it:\n  - a second witness" in out
    assert await run("explain", "../../healthz", "--url", url) == 2


@pytest.mark.parametrize("command", ["hosts", "machines", "volumes", "decisions"])
async def test_json_is_json(url: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(command, "--json", "--url", url) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)


async def test_a_join_token_alone_on_standard_output(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token_file = tmp_path / "operator.token"
    token_file.write_text("right\n")
    assert await run("join-token", "h7", "--url", url, "--data", str(tmp_path)) == 0
    told = capsys.readouterr()
    assert told.out == "secret-for-h7.0123456789abcdef\n"
    token_file.write_text("wrong")
    assert await run("join-token", "h7", "--url", url, "--token-file", str(token_file)) == 2
    told = capsys.readouterr()
    assert told.err.startswith("fleetmend: the remediator answers 401")
    assert "wrong" not in told.err


async def test_a_join_token_for_one_kind_says_so(
    url: str, control: FakeControl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "operator.token").write_text("right\n")
    assert await run("join-token", "p-r7", "--kind", "vantage", "--url", url, "--data", str(tmp_path)) == 0
    assert control.minted == [("p-r7", "vantage")]
    assert "for the vantage p-r7 alone" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["machines", "volumes"])
async def test_lists_need_no_token(url: str, name: str, tmp_path: Path) -> None:
    assert await run(name, "--url", url, "--data", str(tmp_path)) == 0


async def test_a_token_file_that_is_not_there(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("join-token", "h7", "--url", url, "--data", str(tmp_path)) == 2
    assert "operator.token: No such file or directory" in capsys.readouterr().err


async def test_nobody_there_is_one_line(unused_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("hosts", "--url", f"http://127.0.0.1:{unused_port}") == 2
    assert capsys.readouterr().err == (
        f"fleetmend: no remediator answers at http://127.0.0.1:{unused_port}: is it running? (--url)\n"
    )


async def test_a_password_in_the_address_is_not_printed(unused_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("hosts", "--url", f"http://ada:secret@127.0.0.1:{unused_port}") == 2
    assert f"answers at http://127.0.0.1:{unused_port}:" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1", "http://"])
async def test_an_address_that_is_none(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("hosts", "--url", address) == 2
    assert capsys.readouterr().err.count("\n") == 1


async def test_somebody_else_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>")

    app = web.Application()
    app.router.add_get("/v1/status", page)
    async with TestServer(app) as server:
        assert await run("hosts", "--url", str(server.make_url(""))) == 2
    assert "is no remediator" in capsys.readouterr().err


@pytest.mark.parametrize("body", ["{}", "[]", "[1]", "null", '{"hosts": 5}'])
@pytest.mark.parametrize(
    ("mark", "code", "told"), [("", 2, "is no remediator"), (MARK, 1, "a defect of fleetmend's own")]
)
async def test_what_is_not_understood_is_somebody_elses_or_a_defect_of_ours(
    body: str, mark: str, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(text=body, headers={mark: "f00"} if mark else None)

    app = web.Application()
    app.router.add_get("/v1/status", answer)
    async with TestServer(app) as server:
        assert await run("hosts", "--url", str(server.make_url(""))) == code
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


async def test_other_peoples_words_do_not_drive_the_terminal(
    url: str, control: FakeControl, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\x1b]0;owned\x07\x1b[2J[bold]x"
    control.told = [Decision("d1", NOW, "p", "h1", "cordon", DecisionOutcome.ACT, "Acting", text)]
    assert await run("decisions", "--url", url) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[bold]x" in out


def test_a_terminal_gets_a_rich_table(capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal:
        """As much of a terminal as the table asks for."""

        def __init__(self) -> None:
            self.text = ""

        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def flush(self) -> None:
            """Nothing is kept back."""

    terminal = Terminal()
    listing = tables.Listing(("NAME", "STATUS"), [("[red]h1", "ok")], "the footer")
    tables.show(listing, terminal)  # type: ignore[arg-type]
    assert "[red]h1" in terminal.text
    assert terminal.text.endswith("\nthe footer\n")
    assert replace(listing, rows=[]).none == "none"
