"""Apps, organisations' pages, regions, placements, and what is another system's."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st

from remediator.api.elsewhere import NOT_OURS
from remediator.api.fakes.control import FakeControl
from remediator.api.placements import _given, _slots
from remediator.engine.machines import placement
from remediator.model.host import Capacity
from tests.remediator.builders import fleet, host

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def ask(client: Client, operator: dict[str, str]) -> Any:
    async def asked(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with client.request(method, f"/v1{path}", json=body, headers=operator) as response:
            text = await response.text()
            return response.status, await response.json() if text else None

    return asked


async def test_an_app_is_created_listed_and_taken(ask: Any) -> None:
    body = {"name": "shop", "org_slug": "acme", "network": "", "app_role_id": ""}
    status, made = await ask("POST", "/apps", body)
    assert (status, made["name"], made["status"], made["organization"]["slug"]) == (201, "shop", "pending", "acme")
    assert await ask("POST", "/apps", body) == (422, {"error": "Name has already been taken", "status": "name_taken"})
    assert (await ask("POST", "/apps", {"app_name": "web"}))[0] == 422
    status, old = await ask("POST", "/apps", {"app_name": "older"})
    assert (status, old["organization"]["slug"], old["network"]) == (201, "personal", "default")
    assert (await ask("GET", "/apps?org_slug=acme"))[1] == {"apps": [made], "total_apps": 1}
    _, own = await ask("GET", "/apps?org_slug=personal")
    assert [each["name"] for each in own["apps"]] == ["db", "older", "web", "worker"]
    assert own["apps"][0]["machine_count"] > 0
    assert own["apps"][0]["volume_count"] == 2
    assert (await ask("GET", "/apps"))[1]["total_apps"] == 5
    assert (await ask("POST", "/apps", {"name": ""}))[0] == 400


async def test_an_app_goes_when_it_is_empty_or_by_force(ask: Any, control: FakeControl) -> None:
    await ask("POST", "/apps", {"name": "shop"})
    assert (await ask("DELETE", "/apps/shop")) == (202, None)
    assert (await ask("GET", "/apps/shop"))[0] == 404
    assert (await ask("DELETE", "/apps/shop"))[0] == 404
    assert (await ask("DELETE", "/apps/web"))[0] == 412
    assert (await ask("DELETE", "/apps/web?force=true"))[0] == 202
    assert control.asked[-1] == ("web", "operator", "operator token")


async def pages(ask: Any, what: str, query: str) -> list[list[dict[str, Any]]]:
    found, cursor = [], ""
    while True:
        status, page = await ask("GET", f"/orgs/personal/{what}?{query}&cursor={cursor}")
        assert status == 200, page
        found.append(page[what])
        if page[what]:
            assert page[f"last_{what[:-1]}_id"] == page[what][-1]["id"]
        if not (cursor := page["next_cursor"]):
            return found


async def test_an_organisations_machines_page_by_page(ask: Any, control: FakeControl) -> None:
    every = [each for each in control.world.machines.values() if each.state.value != "destroyed"]
    told = await pages(ask, "machines", "limit=7")
    assert {len(page) for page in told[:-1]} == {7}
    flat = [each for page in told for each in page]
    assert {each["id"] for each in flat} == {each.id for each in every}
    assert [each["updated_at"] for each in flat] == sorted(each["updated_at"] for each in flat)
    assert {"guest", "metadata"} <= set(flat[0]["config"])
    assert "TOKEN" not in str(flat)
    (short,) = await pages(ask, "machines", "summary=1&region=iad&state=started,stopped&limit=99999")
    assert {each["region"] for each in short} == {"iad"}
    assert not any("config" in each for each in short)
    assert await pages(ask, "machines", "region=none") == [[]]
    assert (await ask("GET", "/orgs/nobody/machines"))[1]["machines"] == []


async def test_an_organisations_volumes_since_a_moment(ask: Any, control: FakeControl) -> None:
    (told,) = await pages(ask, "volumes", "summary=true")
    assert [(each["app_name"], "blocks" in each) for each in told] == [("db", False)] * 2
    assert {each["host_status"] for each in told} == {"ok", "unreachable"}
    moved = replace(control.world.volumes[told[0]["id"]], updated_at=control.at + timedelta(days=1))
    control.world = replace(control.world, volumes={**control.world.volumes, moved.id: moved})
    since = control.at.isoformat().replace("+00:00", "Z")
    (new,) = await pages(ask, "volumes", f"updated_after={since}")
    assert [each["id"] for each in new] == [moved.id]
    for query in ("updated_after=yesterday", "updated_after=2026-08-10T03:00:00", "cursor=x", "limit=0", "limit=-1"):
        assert (await ask("GET", f"/orgs/personal/volumes?{query}"))[0] == 400


async def test_placements_fill_regions_in_the_order_named(ask: Any) -> None:
    small = {"cpus": 1, "memory_mb": 256}
    asked = {"org_slug": "personal", "compute": small, "region": "iad,any", "count": 4}
    status, told = await ask("POST", "/platform/placements", asked)
    assert (status, [(each["region"], each["count"]) for each in told["regions"]]) == (200, [("iad", 2), ("arn", 2)])
    _, room = await ask("POST", "/platform/placements", asked | {"count": 0, "region": "arn"})
    assert room == {"regions": [{"region": "arn", "count": 3, "concurrency": 1}]}
    _, none = await ask("POST", "/platform/placements", asked | {"volume_size_bytes": 2**40})
    assert none == {"regions": []}
    assert (await ask("POST", "/platform/placements", asked | {"region": "mars"}))[0] == 400
    assert (await ask("POST", "/platform/placements", {}))[0] == 400


async def test_regions_for_a_shape(ask: Any) -> None:
    async def room(query: str) -> list[int]:
        status, told = await ask("GET", f"/platform/regions?{query}")
        assert status == 200
        return [each["capacity"] for each in told["regions"]]

    assert await room("size=shared-cpu-1x") == [3, 2]
    assert await room("size=performance-1x") == await room("")
    assert await room("cpus=3&memory_mb=256") == [1, 0]
    assert await room("gpus=1") == [0, 0]
    assert (await ask("GET", "/platform/regions?size=huge"))[0] == 400
    assert (await ask("GET", "/platform/regions?cpus=many"))[0] == 400


SIZES = st.builds(Capacity, st.integers(1, 4).map(float), st.integers(1, 4).map(lambda n: n * 256), st.just(0))


@st.composite
def fleets(draw: Any) -> Any:
    def named() -> Iterator[Any]:
        for number in range(draw(st.integers(1, 5))):
            room = Capacity(float(draw(st.integers(0, 8))), draw(st.integers(0, 8)) * 256, 0)
            yield host(f"h{number}", f"r{number % 2}", capacity=room)

    return fleet(*named())


@given(fleets(), SIZES)
def test_what_is_told_to_fit_is_what_the_engine_places(on: Any, size: Capacity) -> None:
    room, placed = placement.room_of(on), 0
    while chosen := placement.choose(on, room, "", "arn", size):
        room[chosen.name] -= size
        placed += 1
    assert sum(_slots(on, size).get("arn", [])) == placed


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 60))
def test_what_is_given_is_what_fits_and_no_more_than_wanted(hosts: list[int], wanted: int) -> None:
    given_out = _given(hosts, wanted)
    assert sum(given_out) == min(wanted, sum(hosts))
    assert all(share > 0 for share in given_out)


async def test_what_is_another_systems_says_so(ask: Any) -> None:
    for method, path in NOT_OURS:
        asked = path.removeprefix("/v1").format(app="web", id="m", ip="1.2.3.4", name="n", hostname="h.example")
        status, told = await ask(method, asked)
        assert (status, told["status"], len(told["error"]) > 30) == (501, "not_implemented", True), path
