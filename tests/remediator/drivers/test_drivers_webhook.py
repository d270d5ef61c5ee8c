"""The driver of webhooks against a real HTTP server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from remediator.drivers.webhook import WebhookDriver
from remediator.model.errors import PermanentError, TransientError, UncertainError
from remediator.settings import Endpoint
from tests.remediator.builders import operation

ARGS = {"to": "rollout", "playbook": "rollout_failing", "target": "1.2", "text": "hold it", "decision": "d1"}
CALL = operation("webhook:rollout:rollout_failing:1.2:7", "webhook", on="", args=ARGS)


@dataclass
class Receiver:
    """Answers with whatever status a test sets, and remembers what it was told."""

    status: int = 204
    told: list[tuple[str, str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        held = request.headers
        self.told.append((held["Idempotency-Key"], held.get("Authorization", ""), await request.json()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"} if self.status == 307 else {})

    async def had(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers["Idempotency-Key"])
        return web.Response(status=self.status)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.answer)
    app.router.add_get("/{path:.*}", made.had)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = "http://{}:{}/hold".format(*runner.addresses[0][:2])
    yield made
    await runner.cleanup()


@pytest.fixture
async def driver(receiver: Receiver, tmp_path: Path) -> AsyncIterator[WebhookDriver]:
    (tmp_path / "token").write_text("t0ken\n")
    places = {"rollout": Endpoint(receiver.url, tmp_path / "token"), "open": Endpoint(receiver.url)}
    async with aiohttp.ClientSession() as session:
        yield WebhookDriver(session, places)


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_it_is_told_with_key_and_token(receiver: Receiver, driver: WebhookDriver, status: int) -> None:
    receiver.status = status
    assert await driver.perform(CALL) == {}
    assert receiver.told == [(CALL.key, "Bearer t0ken", ARGS)]


async def test_without_a_token_file_there_is_no_token(receiver: Receiver, driver: WebhookDriver) -> None:
    await driver.perform(operation("k", "webhook", on="", args={**ARGS, "to": "open"}))
    assert receiver.told[0][1] == ""


async def test_a_target_cannot_put_headers_of_its_own(receiver: Receiver, driver: WebhookDriver) -> None:
    await driver.perform(operation("webhook:a\r\nX-Evil: ö", "webhook", on="", args=ARGS))
    assert receiver.told[0][0] == "webhook:a%0D%0AX-Evil:%20%C3%B6"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_what_may_pass_is_told_again(receiver: Receiver, driver: WebhookDriver, status: int) -> None:
    receiver.status = status
    with pytest.raises(TransientError, match=f"it answered {status}"):
        await driver.perform(CALL)


@pytest.mark.parametrize("status", [307, 400, 401, 404, 410])
async def test_what_will_not_pass_is_told_once(receiver: Receiver, driver: WebhookDriver, status: int) -> None:
    receiver.status = status
    with pytest.raises(PermanentError, match=f"it answered {status}"):
        await driver.perform(CALL)
    assert len(receiver.told) == 1


async def test_nobody_there_is_transient_and_a_name_unknown_is_not(tmp_path: Path) -> None:
    missing = Endpoint("http://127.0.0.1:9/", tmp_path / "missing")
    async with aiohttp.ClientSession() as session:
        driver = WebhookDriver(session, {"rollout": Endpoint("http://127.0.0.1:9/"), "secret": missing})
        with pytest.raises(TransientError, match="ClientConnectorError"):
            await driver.perform(CALL)
        with pytest.raises(TransientError, match=r"^FileNotFoundError$"):
            await driver.perform(operation("k", "webhook", on="", args={"to": "secret"}))
        with pytest.raises(PermanentError, match=r"no webhook 'other' is configured: set webhooks.other.url"):
            await driver.perform(operation("k", "webhook", on="", args={"to": "other"}))


@pytest.mark.parametrize(("status", "had"), [(200, True), (404, False)])
async def test_its_receiver_is_asked_whether_it_has_had_a_call(receiver: Receiver, status: int, *, had: bool) -> None:
    receiver.status = status
    places = {"rollout": Endpoint(receiver.url, observe=receiver.url)}
    async with aiohttp.ClientSession() as session:
        assert await WebhookDriver(session, places).observed(CALL) is had
        assert await WebhookDriver(session, {"rollout": Endpoint(receiver.url)}).observed(CALL) is None
    assert receiver.asked == [CALL.key]


async def test_a_receiver_that_cannot_say_leaves_it_uncertain(receiver: Receiver) -> None:
    receiver.status = 500
    places = {"rollout": Endpoint(receiver.url, observe=receiver.url)}
    async with aiohttp.ClientSession() as session:
        with pytest.raises(UncertainError, match="500"):
            await WebhookDriver(session, places).observed(CALL)


@pytest.mark.parametrize("status", [502, 504])
async def test_whoever_stands_between_leaves_it_uncertain(
    receiver: Receiver, driver: WebhookDriver, status: int
) -> None:
    receiver.status = status
    with pytest.raises(UncertainError):
        await driver.perform(CALL)
