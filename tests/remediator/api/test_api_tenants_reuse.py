"""Names that go from one tenant to another, cursors that do, and keys that both have thought of."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from remediator.model.token import Access
from tests.remediator.api.tenants_town import OPERATOR, Town, opened_town
from tests.remediator.builders import dead


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with opened_town(tmp_path) as opened:
        yield opened


async def found(town: Town, token: str, path: str) -> Any:
    status, told = await town.get(token, path)
    assert status == 200, told
    return json.loads(told)


async def test_a_deleted_app_s_machines_stay_its_owner_s_and_become_nobody_else_s(town: Town) -> None:
    acme, globex = await town.token("acme"), await town.token("globex", org="globex")
    default = await town.token("default", Access.READ, "personal")
    await town.lab.put(dead("h1"), dead("h2"))
    assert (await town.ask(globex, "DELETE", "/v1/apps/vault?force=true"))[0] == 202
    path = "/v1/apps/vault/machines"
    assert {each["id"] for each in await found(town, globex, path)} == {"g1", "g2"}
    for other in (acme, default):
        assert (await town.get(other, path))[0] == 404
        assert "vault" not in json.dumps(await found(town, other, "/v1/apps"))
        assert (await town.ask(other, "POST", "/v1/apps", {"name": "vault"}))[0] in (403, 422)
    assert (await found(town, default, "/v1/orgs/personal/machines"))["machines"] == []


async def test_a_name_s_former_owner_is_not_told_of(town: Town) -> None:
    acme, globex = await town.token("acme"), await town.token("globex", org="globex")
    await town.ask(acme, "POST", "/v1/apps", {"name": "shop"})
    await town.ask(acme, "POST", "/v1/apps/shop/volumes", {"name": "x", "region": "nowhere", "size_gb": 1})
    assert [line["who"] for line in await found(town, acme, "/v1/apps/shop/audit")] == ["acme"]
    await town.ask(acme, "DELETE", "/v1/apps/shop")
    town.lab.wait(1)
    assert (await town.ask(globex, "POST", "/v1/apps", {"name": "shop"}))[0] == 201
    assert await found(town, globex, "/v1/apps/shop/audit") == []
    assert await found(town, globex, "/v1/apps/shop/unsealings") == []
    assert len(await found(town, OPERATOR, "/v1/apps/shop/audit")) >= 1


async def test_a_cursor_leads_through_one_s_own_alone(town: Town) -> None:
    acme, globex = await town.token("acme"), await town.token("globex", org="globex")
    for kind, mine in (("machines", {"a1", "a2"}), ("volumes", {"va"})):
        other = await found(town, globex, f"/v1/orgs/globex/{kind}?limit=1")
        cursor = other["next_cursor"] or "MTk3MC0wMS0wMVQwMDowMDowMCswMDowMCA="
        page = await found(town, acme, f"/v1/orgs/acme/{kind}?cursor={cursor}")
        assert {each["id"] for each in page[kind]} <= mine


async def test_the_same_key_of_two_tenants_is_two_keys(town: Town) -> None:
    told = []
    for name, org, app in (("acme", "acme", "web"), ("globex", "globex", "vault")):
        token = await town.token(name, org=org)
        body = {"name": "x", "region": "nowhere", "size_gb": 1}
        told.append(await town.ask(token, "POST", f"/v1/apps/{app}/volumes", body, **{"Idempotency-Key": "k"}))
    assert told[0] == told[1]


async def test_a_lease_of_another_s_machine_is_a_lease_of_none(town: Town) -> None:
    globex, acme = await town.token("globex", org="globex"), await town.token("acme")
    status, told = await town.ask(globex, "POST", "/v1/apps/vault/machines/g1/lease", {"description": "secret work"})
    assert status == 200
    nonce = {"fly-machine-lease-nonce": json.loads(told)["data"]["nonce"]}
    for app, name in (("vault", "g1"), ("web", "g1"), ("web", "x1")):
        path = f"/v1/apps/{app}/machines/{name}/lease"
        told = [await town.ask(acme, method, path, None, **nonce) for method in ("GET", "POST", "DELETE")]
        assert {status for status, _ in told} == {404}
        assert not any("secret work" in text or "globex" in text for _, text in told)
