"""The door of one of several remediators: two shards are led here, a third by another."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from remediator.api.fakes.control import FakeControl
from remediator.api.fakes.fleet import troubled_control
from remediator.api.fleet import build_fleet_app
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.api.shards.front import FORWARDED, Front
from remediator.api.shards.mounts import Mount
from remediator.model.machine import Machine
from tests.remediator.api.conftest import TOKEN

NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
SHARDS = {"north": ("arn",), "south": ("fra",), "east": ("hel",)}


@dataclass
class Roll:
    """As the roll call tells it."""

    leaders: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    holder: str = "a-1"

    def leader_of(self, shard: str) -> str:
        return self.leaders.get(shard, "")

    def url_of(self, shard: str) -> str:
        return self.urls.get(shard, "")


@dataclass
class Door:
    """The front, the shards behind it, and a client before it."""

    front: Front
    roll: Roll
    client: "TestClient[web.Request, web.Application]"
    controls: Mapping[str, FakeControl]

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with self.client.request(method, path, json=body, headers=HEADERS | headers) as found:
            # Clients show it, and our own take what has none for somebody else's.
            assert found.headers["fly-request-id"]
            return found.status, await found.json()


async def mounted(shard: str, control: FakeControl, settings: PublicSettings | None = None) -> Mount:
    public = build_public_app(
        control,
        settings or PublicSettings(),
        operator_token=TOKEN,
        requests=RequestCounter(lambda: 0.0),
        metrics_text=lambda: b"# TYPE fleetmend_gate_open gauge\nfleetmend_gate_open 1\n",
    )

    async def socket(_: web.Request) -> web.StreamResponse:
        return web.Response(text=f"agents of {shard}")

    made = Mount(shard, knows=lambda word: word in control.fleet().machines or word in control.fleet().hosts)
    for key, app in (("listen", public), ("fleet_listen", build_fleet_app(control, socket))):
        made.apps[key] = web.AppRunner(app)
        await made.apps[key].setup()
    return made


def with_machine(name: str, region: str) -> FakeControl:
    """A fleet with one more machine of the app ``shared``."""
    control = troubled_control(NOW)
    machine = Machine(name, "shared", name, region, "nobody", "i", NOW, NOW)
    control.world = replace(control.world, machines={**control.world.machines, name: machine})
    return control


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    controls = {"north": with_machine("m-arn", "arn"), "south": with_machine("m-fra", "fra")}
    roll = Roll({"north": "a-1", "south": "a-1"})
    async with aiohttp.ClientSession() as session:
        front = Front(SHARDS, roll, session)
        for shard, control in controls.items():
            await front.lead(await mounted(shard, control))
        async with TestClient(TestServer(front.public_app(1 << 20))) as client:
            yield Door(front, roll, client, controls)


async def test_what_one_shard_knows_is_found_wherever_it_is_asked(door: Door) -> None:
    for name, region in (("m-arn", "arn"), ("m-fra", "fra")):
        status, found = await door.ask("GET", f"/v1/apps/shared/machines/{name}")
        assert (status, found["region"]) == (200, region)


async def test_a_list_is_whole_or_there_is_none(door: Door) -> None:
    status, told = await door.ask("GET", "/v1/apps/shared/machines")
    assert status == 503
    assert "east" in told["error"]
    door.roll.leaders["east"] = "c-1"
    other = await mounted("east", with_machine("m-hel", "hel"))
    await door.front.lead(other)
    status, found = await door.ask("GET", "/v1/apps/shared/machines")
    assert status == 200
    assert sorted(machine["id"] for machine in found) == ["m-arn", "m-fra", "m-hel"]


async def test_a_shard_is_asked_by_its_name(door: Door) -> None:
    status, found = await door.ask("GET", "/shards/south/v1/apps/shared/machines/m-fra")
    assert (status, found["id"]) == (200, "m-fra")
    assert (await door.ask("GET", "/shards/north/v1/apps/shared/machines/m-fra"))[0] == 404
    assert (await door.ask("GET", "/shards/west/v1/status"))[0] == 404


async def test_a_word_goes_to_whoever_it_is_about(door: Door) -> None:
    body = {"name": "p-r1", "kind": "vantage", "region": "fra"}
    assert (await door.ask("POST", "/v1/join-tokens", body))[0] == 201
    assert [len(door.controls[shard].minted) for shard in ("north", "south")] == [0, 1]
    assert (await door.ask("POST", "/v1/join-tokens", {"name": "p-r1", "kind": "vantage"}))[0] == 400
    await door.ask("POST", "/v1/people/hold", {"scope": "machine", "name": "m-arn", "why": "tests", "by": "me"})
    assert [len(door.controls[shard].words) for shard in ("north", "south")] == [1, 0]


async def test_what_names_nothing_that_is_known_goes_to_all(door: Door) -> None:
    await door.ask("POST", "/v1/people/hold", {"scope": "fleet", "name": "fleet", "why": "tests", "by": "me"})
    assert [len(door.controls[shard].words) for shard in ("north", "south")] == [1, 1]


async def test_a_freeze_is_heard_by_all_and_told_on(door: Door) -> None:
    told: list[Mapping[str, Any]] = []

    async def spread(statement: Mapping[str, Any]) -> None:
        told.append(statement)

    door.front.frozen = spread
    assert (await door.ask("POST", "/v1/freeze", {"frozen": True}))[0] == 200
    assert all(door.controls[shard].statements == [{"frozen": True}] for shard in ("north", "south"))
    assert told == [{"frozen": True}]


async def test_another_remediator_is_asked_for_what_it_leads(door: Door) -> None:
    east = await mounted("east", with_machine("m-hel", "hel"))
    async with aiohttp.ClientSession() as session:
        other = Front(SHARDS, Roll({"east": "c-1"}, holder="c-1"), session)
        await other.lead(east)
        async with TestServer(other.public_app(1 << 20)) as server:
            door.roll.leaders["east"], door.roll.urls["east"] = "c-1", str(server.make_url("")).rstrip("/")
            status, found = await door.ask("GET", "/v1/apps/shared/machines/m-hel")
            assert (status, found["id"]) == (200, "m-hel")
            status, found = await door.ask("GET", "/v1/apps/shared/machines")
            assert sorted(machine["id"] for machine in found) == ["m-arn", "m-fra", "m-hel"]


async def test_what_was_passed_on_once_is_not_passed_on_again(door: Door) -> None:
    door.roll.leaders["east"], door.roll.urls["east"] = "c-1", "http://127.0.0.1:1"
    status, told = await door.ask("GET", "/shards/east/v1/status", **{FORWARDED: "b-1"})
    assert status == 503
    assert "c-1 leads east" in told["error"]


async def test_metrics_say_of_which_shard_they_are(door: Door) -> None:
    async with door.client.get("/metrics") as found:
        page = (await found.text()).splitlines()
    assert [line for line in page if line.startswith("fleetmend_gate_open")] == [
        'fleetmend_gate_open{shard="north"} 1',
        'fleetmend_gate_open{shard="south"} 1',
    ]
    assert 'fleetmend_leader{shard="east"} 0' in page


async def test_it_is_ready_where_what_it_leads_is(door: Door) -> None:
    status, told = await door.ask("GET", "/readyz")
    assert (status, told["shards"]) == (200, {"north": "a-1", "south": "a-1", "east": ""})
    door.controls["south"].not_ready = ["the disk is full"]
    assert (await door.ask("GET", "/readyz"))[0] == 503


async def test_agents_and_probers_find_the_leader_of_their_region(door: Door) -> None:
    async with TestClient(TestServer(door.front.fleet_app(1 << 20))) as client:
        async with client.get("/internal/agent?region=fra") as found:
            assert await found.text() == "agents of south"
        for path in ("/internal/agent?region=hel", "/internal/agent"):
            async with client.get(path) as refused:
                assert refused.status == (503 if "hel" in path else 421)
                assert "region" in (told := await refused.text()) or "leads east" in told


async def test_a_stint_that_ends_ends_its_sessions(door: Door) -> None:
    mount = door.front.mounts["north"]
    waits = asyncio.Event()

    async def endless() -> web.Response:
        await waits.wait()
        return web.Response()

    session = asyncio.create_task(mount.holding(endless()))
    await asyncio.sleep(0)
    await mount.close()
    assert session.cancelled()
