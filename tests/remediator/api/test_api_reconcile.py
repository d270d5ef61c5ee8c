"""The gap over HTTP and on the command line: shown to all, accepted with the operator's token and a reason."""

import argparse
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.fakes.control import FakeControl
from remediator.commands import reconcile
from remediator.model.reconciling import Ahead, Differing, Gap

Client = TestClient[web.Request, web.Application]
OPERATOR = {"Authorization": "Bearer operator-token-for-tests"}
GAP = Gap(
    "agent h1 is ahead of our journal: it has heard term 9, ours is 5",
    ahead=(Ahead("h1", "born", 9, 4),),
    unknown=(Differing("m2", "web", "made", "h1", ""),),
    elsewhere=(Differing("m3", "web", "moved", "h1", "h2"),),
    silent=("h2",),
)


async def test_the_gap_is_shown_and_accepted_with_a_reason(client: Client, control: FakeControl) -> None:
    control.amiss = GAP
    shown = await (await client.get("/v1/reconcile")).json()
    assert (shown["unknown"][0]["id"], shown["silent"]) == ("m2", ["h2"])
    accept = {"by": "ada", "why": "the disk failed", "silent": 1}
    assert (await client.post("/v1/reconcile", json=accept)).status == 401
    assert (await client.post("/v1/reconcile", json={**accept, "why": ""}, headers=OPERATOR)).status == 400
    assert (await client.post("/v1/reconcile", json={**accept, "silent": 0}, headers=OPERATOR)).status == 422
    assert (await client.post("/v1/reconcile", json=accept, headers=OPERATOR)).status == 200
    assert control.accepted == [("ada", "the disk failed")]
    assert (await (await client.get("/v1/reconcile")).json())["reason"] == ""


def told(gap: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    reconcile._show(gap)
    return capsys.readouterr().out


def test_people_read_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    import dataclasses

    out = told(dataclasses.asdict(GAP), capsys)
    assert "1 machines that run, and that the journal does not know" in out
    assert "9.4" in out
    assert "1 hosts that have not told what they hold" in out


def test_accepting_needs_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    reconcile.add_parser(parser.add_subparsers())
    args = parser.parse_args(["reconcile", "--from-agents", "--accept"])
    with pytest.raises(SystemExit) as ended:
        args.run(args)
    assert ended.value.code == 2
    assert "--accept needs --why" in capsys.readouterr().err
