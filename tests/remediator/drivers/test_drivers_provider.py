"""The provider's driver against a real HTTP server, the switch, and the fake that ships with the contract."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from remediator.drivers.protocol import FakeDriver, Switch
from remediator.drivers.provider import ProviderDriver
from remediator.model.errors import PermanentError, TransientError
from remediator.settings import Endpoint
from tests.remediator.builders import operation

GIVEN_BACK = operation("give_back:h8:1", "give_back", on="", args={"host": "h8", "region": "arn"})
ASKED = operation("burst:arn:0", "provision", on="", args={"region": "arn", "names": ["h8"]})


@dataclass
class Provider:
    """Answers with whatever status a test sets, and remembers what it was asked."""

    status: int = 202
    text: bytes = b'{"hosts": ["h8"]}'
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        held = request.headers
        self.asked.append((held["Idempotency-Key"], held["Authorization"], await request.json()))
        return web.Response(status=self.status, body=self.text, content_type="application/json")

    async def take_back(self, request: web.Request) -> web.Response:
        held = request.headers
        self.asked.append((held["Idempotency-Key"], held["Authorization"], request.match_info["name"]))
        return web.Response(status=self.status)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    app = web.Application()
    app.router.add_post("/v1/hosts", made.answer)
    app.router.add_delete("/v1/hosts/{name}", made.take_back)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield made
    await runner.cleanup()


@pytest.fixture
async def driver(provider: Provider, tmp_path: Path) -> AsyncIterator[ProviderDriver]:
    (tmp_path / "token").write_text("t0ken\n")
    async with aiohttp.ClientSession() as session:
        yield ProviderDriver(session, Endpoint(provider.url, tmp_path / "token"))


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_hosts_are_asked_for_with_key_and_token(
    provider: Provider, driver: ProviderDriver, status: int
) -> None:
    provider.status = status
    assert await driver.perform(ASKED) == {"hosts": ["h8"]}
    assert provider.asked == [("burst:arn:0", "Bearer t0ken", {"region": "arn", "names": ["h8"]})]


async def test_the_same_request_carries_the_same_key_again(provider: Provider, driver: ProviderDriver) -> None:
    await driver.perform(ASKED)
    await driver.perform(ASKED)
    assert {key for key, _, _ in provider.asked} == {"burst:arn:0"}
    assert len(provider.asked) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_what_may_pass_is_transient(provider: Provider, driver: ProviderDriver, status: int) -> None:
    provider.status = status
    with pytest.raises(TransientError, match=f"provider answered {status}"):
        await driver.perform(ASKED)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_what_will_not_pass_is_permanent(provider: Provider, driver: ProviderDriver, status: int) -> None:
    provider.status = status
    with pytest.raises(PermanentError, match=f"provider answered {status}"):
        await driver.perform(ASKED)


@pytest.mark.parametrize(("status", "found"), [(200, True), (202, True), (204, True), (404, False), (410, False)])
async def test_a_host_is_given_back_by_its_name_and_who_is_not_there_is_told(
    provider: Provider, driver: ProviderDriver, status: int, found: bool
) -> None:
    provider.status = status
    assert await driver.perform(GIVEN_BACK) == {"found": found}
    assert provider.asked == [("give_back:h8:1", "Bearer t0ken", "h8")]


@pytest.mark.parametrize(("status", "error"), [(409, PermanentError), (405, PermanentError), (503, TransientError)])
async def test_what_is_neither_taken_nor_gone_is_no_success(
    provider: Provider, driver: ProviderDriver, status: int, error: type[Exception]
) -> None:
    provider.status = status
    with pytest.raises(error, match=f"provider answered {status}"):
        await driver.perform(GIVEN_BACK)


async def test_a_name_is_one_part_of_the_path_whatever_is_in_it(provider: Provider, driver: ProviderDriver) -> None:
    await driver.perform(replace(GIVEN_BACK, args={"host": "../h8?x"}))
    assert provider.asked[0][2] == "../h8?x"


async def test_an_answer_that_is_no_json_object_is_transient(provider: Provider, driver: ProviderDriver) -> None:
    for text in (b"<html>", b"", b"[]", b'{"hosts": ["\xff"]}', b'{"hosts": ' + 100_000 * b"["):
        provider.text = text
        with pytest.raises(TransientError, match="provider"):
            await driver.perform(ASKED)


async def test_nobody_there_is_transient_and_tells_no_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken")
    async with aiohttp.ClientSession() as session:
        driver = ProviderDriver(session, Endpoint("http://127.0.0.1:1", tmp_path / "token"))
        with pytest.raises(TransientError) as failed:
            await driver.perform(ASKED)
    assert "t0ken" not in str(failed.value)


async def test_a_token_file_that_is_missing_is_transient(tmp_path: Path, provider: Provider) -> None:
    async with aiohttp.ClientSession() as session:
        driver = ProviderDriver(session, Endpoint(provider.url, tmp_path / "none"))
        with pytest.raises(TransientError, match="FileNotFoundError"):
            await driver.perform(ASKED)
    assert provider.asked == []


async def test_without_a_provider_it_never_will() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(PermanentError, match="no provider is configured"):
            await ProviderDriver(session, None).perform(ASKED)


async def test_each_verb_goes_to_its_driver() -> None:
    hosts, agents = FakeDriver(), FakeDriver()
    switch = Switch({"provision": hosts}, agents)
    await switch.perform(ASKED)
    await switch.perform(operation("k1"))
    assert [call.key for call in hosts.calls] == ["burst:arn:0"]
    assert [call.key for call in agents.calls] == ["k1"]


async def test_the_fake_keeps_the_contract_the_same_key_is_one_effect() -> None:
    made: list[str] = []

    def answer(asked: Any) -> dict[str, Any]:
        made.append(asked.key)
        return {"number": len(made)}

    fake = FakeDriver(answer)
    assert await fake.perform(operation("k1")) == await fake.perform(operation("k1")) == {"number": 1}
    assert made == ["k1"]
    fake.away.add("h1")
    with pytest.raises(TransientError):
        await fake.perform(operation("k2"))
    assert made == ["k1"]
