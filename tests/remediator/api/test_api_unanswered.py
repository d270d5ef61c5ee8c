"""Creates that clients repeat because their connection broke: one machine, however often they ask."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from remediator.api.fakes.control import FakeControl
from remediator.api.fakes.fleet import troubled_control
from remediator.api.machines.launching import LaunchingApi
from remediator.api.machines.shared import Desk
from remediator.api.public import routed
from remediator.model.asks import LaunchAsk
from remediator.model.errors import PermanentError
from remediator.model.machine import Machine

NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)
BODY = b'{"config": {"image": "a"}, "region": "arn"}'


class Slow(FakeControl):
    """Makes machines when it is told to."""

    made: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.go = asyncio.Event()
        self.asked_for = asyncio.Semaphore(0)

    async def create_machine(self, ask: LaunchAsk) -> Machine:
        self.made += 1
        self.asked_for.release()
        await self.go.wait()
        return await super().create_machine(ask)


@pytest.fixture
async def control() -> Slow:
    known = troubled_control(NOW)
    return Slow(NOW, world=known.world, configs=known.configs)


@pytest.fixture
async def server(control: Slow) -> AsyncIterator[TestServer]:
    app = routed(LaunchingApi(Desk(control)).endpoints(), web.Application())
    opened = TestServer(app)
    async with opened:
        yield opened


async def send(server: TestServer, body: bytes = BODY) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST /v1/apps/web/machines HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return reader, writer


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return await reader.readexactly(int(length.split(b":")[1]))


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    await asyncio.sleep(0.05)


async def test_a_client_that_was_cut_off_gets_the_machine_that_it_asked_for(
    server: TestServer, control: Slow
) -> None:
    _, first = await send(server)
    await control.asked_for.acquire()
    await hang_up(first)
    reader, second = await send(server)
    await asyncio.sleep(0.05)
    control.go.set()
    told = await answered(reader)
    assert (control.made, b'"state":"started"' in told) == (1, True)
    # Only from now on it counts as told: nobody had heard the first answer.
    assert len(control.life.answers) == 1
    second.close()


async def test_the_machine_is_there_for_a_client_that_comes_back_later(server: TestServer, control: Slow) -> None:
    _, first = await send(server)
    await control.asked_for.acquire()
    await hang_up(first)
    control.go.set()
    await asyncio.sleep(0.05)
    assert control.life.answers == []
    again, third = [await send(server) for _ in range(2)]
    assert await answered(again[0]) != await answered(third[0])
    # The one that nobody heard of, and one more for whoever asks once more.
    assert control.made == 2
    for _, writer in (again, third):
        writer.close()


async def test_two_who_both_wait_get_two_and_another_body_another(server: TestServer, control: Slow) -> None:
    control.go.set()
    opened = [await send(server), await send(server), await send(server, BODY.replace(b'"a"', b'"b"'))]
    assert len({await answered(reader) for reader, _ in opened}) == 3
    for _, writer in opened:
        writer.close()


async def test_what_failed_is_tried_again(server: TestServer, control: Slow) -> None:
    _, first = await send(server)
    await control.asked_for.acquire()
    await hang_up(first)
    control.refuse_everything(PermanentError("no"))
    control.go.set()
    await asyncio.sleep(0.05)
    control.fails_with = None
    reader, second = await send(server)
    assert b'"state":"started"' in await answered(reader)
    assert control.made == 2
    second.close()


async def test_an_old_attempt_is_forgotten(server: TestServer, control: Slow) -> None:
    _, first = await send(server)
    await control.asked_for.acquire()
    await hang_up(first)
    control.go.set()
    await asyncio.sleep(0.05)
    control.at += timedelta(seconds=16)
    reader, second = await send(server)
    await answered(reader)
    assert control.made == 2
    second.close()
