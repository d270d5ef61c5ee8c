"""The relay alone: silence in the kernel's way, and resets when nobody is behind it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import cast

import pytest

from remediator.agent.front.relay import Air, Relay, Route

pytestmark = pytest.mark.slow


@pytest.fixture
async def server() -> AsyncIterator[asyncio.Server]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as running:
        yield running


@pytest.fixture
async def relay(server: asyncio.Server) -> AsyncIterator[Relay]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    air = Air()
    relay = Relay(Route(("127.0.0.1", port), cast("tuple[str, int]", server.sockets[0].getsockname())), air)
    relay.open()
    yield relay
    await relay.reset_all()
    relay.close()


def speak(relay: Relay) -> None:
    relay._air.set_clear(clear=True)
    relay.speak()


def silence(relay: Relay) -> None:
    relay._air.set_clear(clear=False)
    relay.silence()


async def test_starts_silent_and_then_carries(relay: Relay) -> None:
    connecting = asyncio.create_task(asyncio.open_connection(*relay.route.listen))
    done, _ = await asyncio.wait([connecting], timeout=0.3)
    assert not done
    speak(relay)
    reader, writer = await asyncio.wait_for(connecting, 3)  # the kernel knocks again after a second
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    assert await reader.read() == b""
    await writer.wait_closed()


async def test_open_connections_stand_still_and_go_on(relay: Relay) -> None:
    speak(relay)
    reader, writer = await asyncio.open_connection(*relay.route.listen)
    silence(relay)
    writer.write(b"late")
    answer = asyncio.create_task(reader.readexactly(4))
    done, _ = await asyncio.wait([answer], timeout=0.2)
    assert not done
    speak(relay)
    assert await asyncio.wait_for(answer, 1) == b"late"
    writer.close()
    await writer.wait_closed()


async def test_target_that_dies_in_silence_is_learnt_afterwards(relay: Relay, server: asyncio.Server) -> None:
    speak(relay)
    reader, writer = await asyncio.open_connection(*relay.route.listen)
    writer.write(b"x")
    await reader.readexactly(1)
    silence(relay)
    ending = asyncio.create_task(reader.read())
    done, _ = await asyncio.wait([ending], timeout=0.2)
    assert not done
    await relay.reset_all()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(ending, 1)
    writer.close()


async def test_nobody_behind_is_a_reset(relay: Relay, server: asyncio.Server) -> None:
    server.close()
    speak(relay)
    reader, writer = await asyncio.open_connection(*relay.route.listen)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 1)
    writer.close()


async def test_silent_and_loud_many_times(relay: Relay) -> None:
    for _ in range(20):
        speak(relay)
        reader, writer = await asyncio.open_connection(*relay.route.listen)
        writer.write(b"y")
        assert await reader.readexactly(1) == b"y"
        writer.close()
        await writer.wait_closed()
        silence(relay)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(*relay.route.listen), 0.05)
