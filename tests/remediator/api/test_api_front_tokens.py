"""Tokens before several shards: known in all of them or told of as not made, whatever is led just now."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from remediator.api.settings import PublicSettings
from remediator.api.shards.front import Front
from remediator.api.tenants.tenancy import Tenancy
from remediator.model.token import ApiToken
from remediator.runtime.people.tokens import Tokens
from remediator.wire.tokens import digest_of
from tests.remediator.api.test_api_front import Door, Roll, mounted, with_machine
from tests.remediator.runtime.lab import Lab

SHARDS = {"north": ("arn",), "south": ("fra",)}
ASK = {"name": "ci", "access": "write", "organisation": "acme", "digest": digest_of("secret")}


@dataclass
class Site:
    """Two shards and their journals; the second is led only when a test says so."""

    door: Door
    labs: dict[str, Lab]

    async def lead(self, shard: str) -> None:
        lab = self.labs[shard]
        settings = PublicSettings(tenancy=Tenancy(tokens=Tokens(lab.ledger, lab.clock)))
        await self.door.front.lead(await mounted(shard, with_machine(f"m-{shard}", "arn"), settings))
        self.door.roll.leaders[shard] = "a-1"

    def known(self) -> dict[str, list[str]]:
        return {shard: [each.name for each in lab.ledger.all(ApiToken).values()] for shard, lab in self.labs.items()}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    labs = {shard: Lab() for shard in SHARDS}
    async with aiohttp.ClientSession() as session:
        front = Front(SHARDS, roll := Roll(), session)
        async with TestClient(TestServer(front.public_app(1 << 20))) as client:
            made = Site(Door(front, roll, client, {}), labs)
            await made.lead("north")
            yield made
            for mount in list(front.mounts.values()):
                await front.leave(mount)


async def test_none_is_made_while_a_shard_has_no_leader(site: Site) -> None:
    assert (await site.door.ask("POST", "/v1/tokens", ASK))[0] == 503
    assert site.known() == {"north": [], "south": []}
    await site.lead("south")
    assert (await site.door.ask("POST", "/v1/tokens", ASK))[0] == 201
    assert site.known() == {"north": ["ci"], "south": ["ci"]}


async def test_one_that_a_shard_missed_is_made_there_when_it_is_asked_for_again(site: Site) -> None:
    # Its leader went away on the way.
    site.door.roll.urls["south"] = "http://127.0.0.1:1"
    assert (await site.door.ask("POST", "/v1/tokens", ASK))[0] == 503
    assert site.known() == {"north": ["ci"], "south": []}
    await site.lead("south")
    status, made = await site.door.ask("POST", "/v1/tokens", ASK)
    assert (status, "token" in made) == (201, False)
    assert site.known() == {"north": ["ci"], "south": ["ci"]}
    other = ASK | {"digest": digest_of("another")}
    assert (await site.door.ask("POST", "/v1/tokens", other))[0] == 422


async def test_one_is_revoked_where_it_can_be_and_asked_again_everywhere(site: Site) -> None:
    await site.lead("south")
    await site.door.ask("POST", "/v1/tokens", ASK)
    await site.door.front.leave(site.door.front.mounts["south"])
    assert (await site.door.ask("DELETE", "/v1/tokens/ci"))[0] == 503
    assert site.known() == {"north": [], "south": ["ci"]}
    await site.lead("south")
    assert (await site.door.ask("DELETE", "/v1/tokens/ci"))[0] == 200
    assert site.known() == {"north": [], "south": []}
    assert (await site.door.ask("DELETE", "/v1/tokens/ci"))[0] == 404


async def test_a_secret_of_a_shards_own_making_would_open_that_shard_alone(site: Site) -> None:
    await site.lead("south")
    status, told = await site.door.ask("POST", "/v1/tokens", {**ASK, "digest": ""})
    assert (status, "digest" in told["error"]) == (400, True)
    assert site.known() == {"north": [], "south": []}
