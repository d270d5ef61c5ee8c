"""More than five hundred hostile requests over real sockets: no traceback, no secret, no answer of another shape."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from nacl.public import PrivateKey

from remediator.api.fleet import build_fleet_app
from remediator.drivers.embedded import EmbeddedDriver
from remediator.listeners import listen_on
from tests.remediator.api.hostile_corpus import corpus
from tests.remediator.api.tenants_town import OPERATOR, opened_town
from tests.remediator.runtime.test_runtime_desk import desk

AT_ONCE = 40
# What is left unanswered is left so for as long as the client waits.
SECONDS = 0.5
# Whose own configs these are; no request of the corpus may read them.
PLANTED = ("globex-secret",)
ENDS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[int]:
    """The application behind the door that the remediator has; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        async with AsyncExitStack() as stack:
            await listen_on(stack, app, f"fd:{bound.fileno()}", "listen")
            yield bound.getsockname()[1]


async def sent(port: int, data: bytes) -> bytes:
    """All that is answered before the connection ends, or the time does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    try:
        writer.write(data)
        if not data.endswith(b"\r\n\r\n"):
            writer.write_eof()
        async with asyncio.timeout(SECONDS):
            await writer.drain()
            heard = await reader.read()
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.transport.abort()
    return heard


def wrong_with(heard: bytes, secrets: list[str]) -> str:
    """What must not be in an answer; none at all is one way to treat nonsense."""
    head, _, body = heard.partition(b"\r\n\r\n")
    if not head:
        return ""
    status = int(head.split(b" ", 2)[1])
    told = heard.decode("utf-8", "replace")
    found = [secret for secret in secrets if secret in told]
    if found or "Traceback" in told or 'File "' in told:
        return f"it tells what it must not: {found or told[:200]}"
    if status >= 500 and status not in (501, 503):
        return f"it answers {status}: {told[-200:]}"
    if status >= 400 and body and not is_error(body):
        return f"no error of the API's shape: {told[-200:]}"
    return ""


def is_error(body: bytes) -> bool:
    try:
        doc = json.loads(body)
    except ValueError:
        return False
    return isinstance(doc, dict) and isinstance(doc.get("error"), str)


@dataclass
class Barrage:
    """Everything of the corpus at a listener, some at once; ``secrets`` must be in no answer."""

    port: int
    secrets: list[str]

    async def __call__(self, every: list[tuple[str, bytes]]) -> list[str]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def tried(what: str, data: bytes) -> str:
            async with gate:
                found = wrong_with(await sent(self.port, data), self.secrets)
            return f"{what}: {found}" if found else ""

        found = await asyncio.gather(*(tried(*each) for each in every))
        # Whatever came, the next honest client is served.
        assert b"200 OK" in await sent(self.port, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return [each for each in found if each]


def quiet(records: list[logging.LogRecord], secrets: list[str]) -> bool:
    """No traceback, no error and no secret in the log."""
    told = "\n".join(f"{record.levelname} {record.name} {record.getMessage()}" for record in records)
    assert not [record for record in records if record.exc_info]
    assert "Traceback" not in told
    assert "ERROR" not in told, [line for line in told.splitlines() if "ERROR" in line][:5]
    return not [secret for secret in secrets if secret in told]


def endpoints_of(app: web.Application) -> list[tuple[str, str]]:
    routes = [route for route in app.router.routes() if route.resource and route.method not in ("HEAD", "*")]
    # A reload answers 500 where the rules are wrong, as Prometheus does; here there are none.
    every = {(route.method, route.resource.canonical) for route in routes if route.resource}
    return sorted(every - {("POST", "/-/reload")})


@pytest.mark.slow
async def test_no_hostile_request_makes_us_tell_or_fall(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened_town(tmp_path, served=False) as town, listening(town.app) as port:
        tenants = [await town.token("acme"), await town.token("globex", org="globex")]
        tokens = ["", "fleetmend_unknown", *tenants, OPERATOR]
        every = list(corpus(endpoints_of(town.app), tokens))
        assert len(every) >= 500
        secrets = [*PLANTED, *filter(None, tokens)]
        assert await Barrage(port, secrets)(every) == []
    assert quiet(caplog.records, secrets)


GREETINGS: list[str | bytes] = [
    "", "{", "null", "[]", "7", '"x"', "[" * 100_000, '{"name": {}, "key": [], "nonce": 7}', "\x00", "x" * 3_000_000,
    '{"name": "h1", "key": "' + "A" * 43 + '=", "nonce": "AAAA"}', '{"name": "../../h1", "key": "%", "nonce": ""}',
    b"", b"\x00" * 100, b"\xff" * 100_000,
]  # fmt: skip


@pytest.mark.slow
async def test_nor_does_one_to_the_agents_listener(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened_town(tmp_path) as town:
        lab = town.lab
        driver = EmbeddedDriver(PrivateKey.generate(), lab.agents, lab.agents, lab.agents.stamped)
        app = build_fleet_app(desk(lab, tmp_path), driver.serve)
        async with listening(app) as port, aiohttp.ClientSession() as http:
            every = list(corpus(endpoints_of(app), ["", "unknown"]))
            assert await Barrage(port, [*PLANTED])(every) == []
            for greeting in GREETINGS:
                async with http.ws_connect(f"http://127.0.0.1:{port}/internal/agent", max_msg_size=0) as session:
                    with suppress(ConnectionError):
                        if isinstance(greeting, bytes):
                            await session.send_bytes(greeting)
                        else:
                            await session.send_str(greeting)
                    assert (await session.receive(timeout=10)).type in ENDS
    assert quiet(caplog.records, [*PLANTED])
