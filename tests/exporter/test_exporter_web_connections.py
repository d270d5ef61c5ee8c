"""Clients that are slow, silent, many, or do not speak HTTP: none of them costs the others anything."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from exporter.web.connections import Patience
from tests.exporter.web_lab import NOT_FOR_EVER, FakeCollect, Site, receive, send, serving

pytestmark = pytest.mark.slow

QUICK = Patience(most=4, greeting=0.3, taking=0.3, idle=0.6)
QUICK_GREETING = Patience(greeting=0.3)


@contextlib.asynccontextmanager
async def connected(site: Site) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def seconds_until_closed(reader: asyncio.StreamReader) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(NOT_FOR_EVER):
        with contextlib.suppress(ConnectionError):
            await reader.read()
    return loop.time() - began


async def test_one_that_never_asks_is_closed() -> None:
    async with serving(FakeCollect(), patience=QUICK_GREETING) as site, connected(site) as (reader, _):
        assert 0.2 < await seconds_until_closed(reader) < 2


async def test_a_header_that_comes_drop_by_drop_does_not_hold_the_connection() -> None:
    async with serving(FakeCollect(), patience=QUICK_GREETING) as site, connected(site) as (reader, writer):
        closed = asyncio.create_task(seconds_until_closed(reader))
        writer.write(b"GET /metrics HTTP/1.1\r\n")
        for number in range(100):
            if closed.done():
                break
            writer.write(b"X-%d: x\r\n" % number)
            await asyncio.sleep(0.05)
        assert await closed < 2


async def test_an_idle_connection_is_closed_in_its_time() -> None:
    async with serving(FakeCollect(), patience=QUICK) as site, connected(site) as (reader, writer):
        await send(writer, "/metrics", {})
        assert (await receive(reader)).status == 200
        # Longer than the time for a first request, which counts no more.
        assert 0.4 < await seconds_until_closed(reader) < 2


async def test_who_does_not_take_the_answer_is_cut_off() -> None:
    collect = FakeCollect(padding=200_000)
    async with serving(collect, patience=QUICK) as site:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", site.port))
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
            await collect.until_begun(1)
            collect.padding = 0
            assert (await site.get()).status == 200
            await asyncio.sleep(2)
            assert await asyncio.to_thread(read_to_the_end, client) < 20_000_000


def read_to_the_end(client: socket.socket) -> int:
    client.settimeout(NOT_FOR_EVER)
    received = 0
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(1_000_000):
            received += len(piece)
    return received


async def test_a_slow_scrape_is_not_a_slow_client() -> None:
    collect = FakeCollect(gate=asyncio.Event())
    assert collect.gate
    async with serving(collect, patience=QUICK) as site:
        slow = asyncio.create_task(site.get())
        await asyncio.sleep(1.0)
        collect.gate.set()
        assert (await slow).status == 200


async def test_too_many_connections_push_out_the_one_that_idled_longest() -> None:
    patience = Patience(most=4, greeting=5, idle=5)
    async with serving(FakeCollect(), patience=patience) as site, contextlib.AsyncExitStack() as stack:
        first, *_ = [await stack.enter_async_context(connected(site)) for _ in range(4)]
        assert (await site.get()).status == 200
        assert await seconds_until_closed(first[0]) < 1


async def test_no_more_connections_than_allowed_while_all_are_at_work() -> None:
    collect = FakeCollect(gate=asyncio.Event())
    assert collect.gate
    async with serving(collect, patience=Patience(most=4)) as site:
        waiting = [asyncio.create_task(site.get()) for _ in range(4)]
        await collect.until_begun(4)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await site.get()
        collect.gate.set()
        assert [got.status for got in await asyncio.gather(*waiting)] == [200] * 4


async def test_hundreds_of_silent_connections_keep_nobody_out() -> None:
    async with serving(FakeCollect(), patience=Patience(most=64)) as site, contextlib.AsyncExitStack() as stack:
        for _ in range(400):
            await stack.enter_async_context(connected(site))
        assert (await site.get()).status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"a" * 100_000,
        b"\0" * 1000,
        b"GET /metrics HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_is_answered_or_closed_without_a_word_in_the_log(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(FakeCollect(), patience=QUICK) as site:
        async with connected(site) as (reader, writer):
            writer.write(sent)
            await seconds_until_closed(reader)
        assert (await site.get()).status == 200
    assert caplog.text == ""


async def test_told_to_stop_it_lets_a_scrape_end() -> None:
    collect = FakeCollect(gate=asyncio.Event())
    assert collect.gate
    async with serving(collect) as site:
        waiting = asyncio.create_task(site.get())
        await collect.until_begun(1)
        asyncio.get_running_loop().call_later(0.1, collect.gate.set)
    assert (await waiting).status == 200
