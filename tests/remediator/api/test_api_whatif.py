"""Why, and why not: whatif and explanations with every guard's word, over HTTP and as a page."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.actions import ACTIONS
from remediator.api.fakes.control import FakeControl
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.whatif import Assumptions, Fate, Outlook
from remediator.policy.load import load_policy

Client = TestClient[web.Request, web.Application]
RULES = Path(__file__).parents[3] / "rules"
NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)
FATES = (
    Fate("h1", "arn", "r1", 3.0, "recreate", text="mark_host_dead, recreate"),
    Fate("h2", "arn", "r2", blocker="Lost", text="it is dead already"),
    Fate("h3", "arn", "r3", 3.0, "recreate", "GateClosed", "the metrics store cannot be trusted"),
    Fate("h4", "arn", "r1", blocker="QuorumTooSmall", text="only 1 vantages outside its rack agree, 2 must"),
)


@pytest.fixture(autouse=True)
def ruled(control: FakeControl) -> None:
    """The fake control works by the shipped rules, and has looked once."""
    control.assumptions = Assumptions(load_policy(RULES, ACTIONS), ACTIONS, "host_dead", LifeTimes())
    control.looked = Outlook(NOW, "digest", 0.25, FATES)


async def test_whatif_tells_every_host_and_what_would_change_it(client: Client) -> None:
    told = await (await client.get("/v1/whatif")).json()
    assert (told["can_act"], told["held"]) == (1, {"GateClosed": 1, "Lost": 1, "QuorumTooSmall": 1})
    hosts = {host["host"]: host for host in told["hosts"]}
    assert (hosts["h1"]["can_act"], hosts["h1"]["seconds"], hosts["h1"]["would_change"]) == (True, 3.0, "")
    assert [name for name, host in hosts.items() if host["lasting"]] == ["h4"]
    assert hosts["h3"]["would_change"].startswith("a metrics store that can be trusted")


async def test_the_status_has_the_summary_and_each_hosts_blocker(client: Client) -> None:
    told = await (await client.get("/v1/status")).json()
    assert told["whatif"] == {
        "at": "2026-08-10T03:12:05Z", "took": 0.25, "can_act": 1,
        "held": {"GateClosed": 1, "Lost": 1, "QuorumTooSmall": 1},
    }  # fmt: skip
    blockers = {host["name"]: host["blocker"] for host in told["hosts"]}
    assert (blockers["h1"], blockers["h3"], blockers["h5"]) == ("", "GateClosed", None)


@pytest.mark.parametrize("path", ["/v1/explain/h2", "/api/v1/explain/h2"])
async def test_a_dead_hosts_guards_all_say_their_word(client: Client, path: str) -> None:
    told = await (await client.get(path)).json()
    (account,) = [each for each in told["accounts"] if each["playbook"] == "host_dead"]
    assert [word["guard"] for word in account["guards"]][:3] == ["frozen", "operator_hold", "maintenance"]
    assert {word["state"] for word in account["guards"]} <= {"passed", "holds", "not asked"}
    assert account["steps"][0]["action"] == "mark_host_dead"
    assert told["whatif"] == "", "of a host that is lost already there is no what if"


async def test_a_healthy_host_tells_what_its_death_would_bring(client: Client) -> None:
    assert (await (await client.get("/v1/explain/h1")).json())["whatif"] == "acted on after 3 s, first by recreate"
    assert (await (await client.get("/v1/explain/h4")).json())["whatif"].startswith("never as things are set up")


async def test_a_decision_is_explained_by_its_own_playbook(client: Client, control: FakeControl) -> None:
    hold = next(each for each in control.holds() if each.playbook == "host_dead")
    told = await (await client.get(f"/v1/explain/{hold.id}")).json()
    assert [(each["playbook"], each["target"]) for each in told["accounts"]] == [("host_dead", hold.target)]


async def test_the_page_loads_nothing_and_escapes_everything(client: Client, control: FakeControl) -> None:
    host = control.world.hosts["h1"]
    hostile = replace(host, reason="<script>alert(1)</script>")
    control.world = replace(control.world, hosts={**control.world.hosts, "h1": hostile})
    answer = await client.get("/explain/h1")
    text = await answer.text()
    assert answer.content_type == "text/html"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "Playbook host_dead (auto) on h1" in text
    assert "EvidenceDisagrees" in text


@pytest.mark.parametrize("path", ["/v1/explain/nobody", "/api/v1/explain/nobody", "/explain/nobody"])
async def test_nobody_is_not_found(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.status == 404
    assert "a decision, host, machine or target" in (await answer.json())["error"]
