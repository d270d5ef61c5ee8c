"""What people ask: status, decisions, explanations, join tokens, freezes, the page."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.fakes.control import FakeControl
from remediator.model.evidence import Gate
from remediator.model.machine import MachineState

Client = TestClient[web.Request, web.Application]
PAGE = Path(__file__).parents[3] / "remediator" / "api" / "page" / "index.html"


async def get(client: Client, path: str) -> Any:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_status_holds_everything_that_the_page_reads(client: Client, control: FakeControl) -> None:
    doc = await get(client, "/v1/status")
    read = set(re.findall(r"\bd\.([a-z_]+)", PAGE.read_text(encoding="utf-8")))
    assert read <= set(doc)
    hosts = {host["name"]: host for host in doc["hosts"]}
    assert (hosts["h2"]["life"], hosts["h2"]["verdict"], hosts["h2"]["votes"]) == ("dead", "dead", [3, 3, 2])
    assert (hosts["h1"]["machines"], hosts["h1"]["serving"], hosts["h2"]["serving"]) == (5, 5, 0)
    assert len(doc["machines"]) == 30
    assert [alert["state"] for alert in doc["alerts"]] == ["firing", "pending"]
    assert doc["holds"][0]["would_change"].startswith("a second witness")
    assert doc["gate"]["open"] is True


async def test_status_never_shows_a_full_config(client: Client) -> None:
    async with client.get("/v1/status") as response:
        assert "swordfish" not in await response.text()


async def test_every_machine_in_trouble_says_why(client: Client) -> None:
    doc = await get(client, "/v1/status")
    for machine in doc["machines"]:
        trouble = machine["host_status"] != "ok" or machine["recovery"] != "none" or machine["condemned"]
        assert bool(machine["why"]) is trouble


async def test_status_of_a_fleet_that_has_no_reading_yet(client: Client, control: FakeControl) -> None:
    control.world = replace(control.world, gate=None, verdicts={})
    doc = await get(client, "/v1/status")
    assert doc["gate"] == {"open": False, "reason": "no reading yet", "since": None}
    assert doc["hosts"][0]["verdict"] == "no_evidence"


async def test_status_tells_a_closed_gate_and_a_freeze(client: Client, control: FakeControl) -> None:
    gate = Gate(open=False, reason="the store answers 503", since=control.at)
    control.world = replace(control.world, gate=gate, frozen="by anna: bad deploy")
    doc = await get(client, "/v1/status")
    assert doc["gate"]["reason"] == "the store answers 503"
    assert doc["frozen"] == "by anna: bad deploy"


async def test_destroyed_machines_are_not_shown(client: Client, control: FakeControl) -> None:
    gone = {name: replace(each, state=MachineState.DESTROYED) for name, each in control.world.machines.items()}
    control.world = replace(control.world, machines=gone)
    assert (await get(client, "/v1/status"))["machines"] == []


async def test_decisions_newest_first(client: Client) -> None:
    decisions = await get(client, "/v1/decisions?limit=3")
    assert [each["id"] for each in decisions] == ["d8", "d9", "d3"]
    assert set(decisions[0]) == {
        "id", "at", "playbook", "target", "action", "outcome", "reason", "text", "facts", "effects",
    }  # fmt: skip


async def test_explanations_of_a_decision_a_host_and_a_machine(client: Client, control: FakeControl) -> None:
    machine = next(machine.id for machine in control.world.machines.values() if machine.host == "h2")
    for subject, kind in (("d2", "decision"), ("h2", "host"), (machine, "machine")):
        told = await get(client, f"/v1/explain/{subject}")
        assert (told["subject"], told["kind"]) == (subject, kind)
        assert told["now"]


async def test_a_join_token_is_minted_for_a_name(client: Client, operator: dict[str, str]) -> None:
    async with client.post("/v1/join-tokens", json={"name": "h7"}, headers=operator) as response:
        assert response.status == 201
        assert (await response.json()) == {"name": "h7", "token": "secret-for-h7.0123456789abcdef"}
    for wrong in ({"name": "../h7"}, {"name": "h7", "kind": "operator"}):
        async with client.post("/v1/join-tokens", json=wrong, headers=operator) as response:
            assert response.status == 400


async def test_a_join_token_may_be_for_one_kind(
    client: Client, control: FakeControl, operator: dict[str, str]
) -> None:
    for body in ({"name": "h7"}, {"name": "h7", "kind": "agent"}, {"name": "p-r7", "kind": "vantage"}):
        async with client.post("/v1/join-tokens", json=body, headers=operator) as response:
            assert response.status == 201
    assert control.minted == [("h7", ""), ("h7", "agent"), ("p-r7", "vantage")]


async def test_a_signed_freeze_needs_no_token(client: Client, control: FakeControl) -> None:
    statement = {"frozen": True, "who": "anna", "signature": "…"}
    async with client.post("/v1/freeze", json=statement) as response:
        assert (response.status, await response.json()) == (200, {"frozen": "by anna"})
    assert control.statements == [statement]


async def test_the_page_loads_nothing_and_runs_only_itself(client: Client) -> None:
    async with client.get("/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        text, policy = await response.text(), response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.count("'sha256-") == 2
    assert "unsafe" not in policy
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|style=\"", text)
