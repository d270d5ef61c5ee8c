"""The embedded driver with a real server, a real WebSocket and a real channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from nacl.public import PrivateKey, PublicKey

from remediator.drivers.embedded import EmbeddedDriver
from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Origin
from remediator.wire.channel import Channel
from remediator.wire.handshake import REFUSED, Greeting, fresh_nonce, greeting_text, parse_greeting, session_of
from remediator.wire.messages import Welcome, parse_command, parse_welcome, refusal_of, result_of
from tests.remediator.builders import operation

OURS = PrivateKey.generate()
AGENT = PrivateKey.generate()


@dataclass
class Door:
    """Remembers who came, what they said and who left."""

    keys: dict[str, PublicKey] = field(default_factory=lambda: {"h1": AGENT.public_key})
    heard_of: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    turned_away: str = ""
    judging: asyncio.Event | None = None
    recording: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    alone: asyncio.Event = field(default_factory=asyncio.Event)

    def key_of(self, name: str) -> PublicKey | None:
        return self.keys.get(name)

    async def greeted(self, name: str, hello: dict[str, Any]) -> Welcome:
        if self.judging:
            self.asked.set()
            await self.judging.wait()
        if self.turned_away:
            raise PermanentError(self.turned_away)
        return Welcome(7, "incarnation", 3, ("m1",))

    async def heard(self, name: str, report: dict[str, Any]) -> None:
        self.heard_of.append((name, report))
        self.told.set()

    async def recorded(self, name: str, key: str, record: dict[str, Any]) -> None:
        assert (name, key, record["id"]) == ("h1", "k1", "m1")
        if self.recording:
            await self.recording.wait()

    def hung_up(self, name: str) -> None:
        self.left.append(name)
        self.alone.set()

    def term(self) -> int:
        return 3

    def epoch_of(self, host: str) -> int:
        return 7


class Peer:
    """An agent's end: greets, then seals and opens."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, key: PrivateKey, name: str) -> None:
        self.socket = socket
        self.key = key
        self.name = name

    async def greet(self) -> None:
        mine = Greeting(self.key.public_key, fresh_nonce(), self.name)
        await self.socket.send_str(greeting_text(mine))
        theirs = parse_greeting(await self.socket.receive_str(timeout=5))
        assert bytes(theirs.key) == bytes(OURS.public_key)
        self.channel = Channel(self.key, theirs.key, session_of(mine.nonce, theirs.nonce), "a")

    async def say(self, message: dict[str, Any]) -> None:
        await self.socket.send_bytes(self.channel.seal(message))

    async def hear(self) -> dict[str, Any]:
        return self.channel.open(await self.socket.receive_bytes(timeout=5))

    async def join(self) -> Welcome:
        await self.greet()
        await self.say({"type": "hello"})
        return parse_welcome(await self.hear())

    async def turned_away(self) -> tuple[int | None, str]:
        last = await self.socket.receive(timeout=5)
        assert last.type is aiohttp.WSMsgType.CLOSE
        return self.socket.close_code, str(last.extra)


class Place:
    """A driver behind a real server; ``dial`` opens one more connection to it."""

    def __init__(self) -> None:
        self.door = Door()
        self.driver = EmbeddedDriver(OURS, self.door, self.door)
        app = web.Application()
        app.router.add_get("/internal/agent", self.driver.serve)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self.client: aiohttp.ClientSession | None = None
        self.sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def __aenter__(self) -> "Place":
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.client = aiohttp.ClientSession("http://{}:{}".format(*self.runner.addresses[0][:2]))
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self.sockets:
            await socket.close()
        if self.client:
            await self.client.close()
        await self.runner.cleanup()

    async def dial(self, name: str = "h1", key: PrivateKey = AGENT) -> Peer:
        assert self.client is not None
        socket = await self.client.ws_connect("/internal/agent")
        self.sockets.append(socket)
        return Peer(socket, key, name)

    async def until_left(self) -> None:
        await asyncio.wait_for(self.door.alone.wait(), 5)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with Place() as made:
        yield made


async def test_an_enrolled_agent_is_welcomed(place: Place) -> None:
    peer = await place.dial()
    welcome = await peer.join()
    assert (welcome.epoch, welcome.term, welcome.condemned) == (7, 3, ("m1",))
    assert place.driver.connected == 1
    await peer.say({"type": "report", "machines": []})
    await asyncio.wait_for(place.door.told.wait(), 5)
    assert place.door.heard_of == [("h1", {"type": "report", "machines": []})]


@pytest.mark.parametrize(("name", "key"), [("h1", PrivateKey.generate()), ("h10", AGENT), ("", AGENT)])
async def test_a_key_that_is_not_enrolled_under_that_name_is_refused(
    place: Place, name: str, key: PrivateKey
) -> None:
    peer = await place.dial(name, key)
    await peer.socket.send_str(greeting_text(Greeting(key.public_key, fresh_nonce(), name)))
    assert await peer.turned_away() == (REFUSED, f"{name} is not enrolled with this key")
    assert place.driver.connected == 0


async def test_who_claims_a_key_without_having_it_is_refused_at_the_first_frame(place: Place) -> None:
    peer = await place.dial(key=PrivateKey.generate())
    mine = Greeting(AGENT.public_key, fresh_nonce(), "h1")
    await peer.socket.send_str(greeting_text(mine))
    theirs = parse_greeting(await peer.socket.receive_str())
    peer.channel = Channel(peer.key, theirs.key, session_of(mine.nonce, theirs.nonce), "a")
    await peer.say({"type": "hello"})
    assert (await peer.turned_away())[0] == REFUSED
    assert (place.driver.connected, place.door.left) == (0, [])


async def test_noise_instead_of_a_greeting_is_refused(place: Place) -> None:
    peer = await place.dial()
    await peer.socket.send_str("{}")
    assert await peer.turned_away() == (REFUSED, "the peer's greeting cannot be read")
    other = await place.dial()
    await other.socket.send_bytes(b"\x00")
    assert (await other.turned_away())[0] == REFUSED


async def test_an_agent_that_the_runtime_turns_away_is_told_why(place: Place) -> None:
    place.door.turned_away = "h1 is known with another identity"
    peer = await place.dial()
    await peer.greet()
    await peer.say({"type": "hello"})
    assert await peer.turned_away() == (REFUSED, "h1 is known with another identity")
    with pytest.raises(TransientError, match="not connected"):
        await place.driver.perform(operation())


async def test_a_command_carries_term_epoch_and_origin_and_its_result_finds_who_asked(place: Place) -> None:
    peer = await place.dial()
    await peer.join()
    asked = [
        asyncio.create_task(place.driver.perform(operation(key, origin=Origin.OWNER, args={"machine_id": key})))
        for key in ("k1", "k10")
    ]
    commands = [parse_command(await peer.hear()) for _ in asked]
    assert [(c.key, c.verb, c.term, c.epoch, c.origin) for c in commands] == [
        ("k1", "start", 3, 7, Origin.OWNER),
        ("k10", "start", 3, 7, Origin.OWNER),
    ]
    assert commands[0].sequence < commands[1].sequence
    for command in reversed(commands):
        await peer.say(result_of(command.key, {"of": command.args["machine_id"]}))
    assert await asyncio.gather(*asked) == [{"of": "k1"}, {"of": "k10"}]


async def test_what_is_told_after_a_result_is_not_taken_in_before_it(place: Place) -> None:
    """Else the older record would undo the newer one, and an agent tells each but once."""
    place.door.recording = asyncio.Event()
    peer = await place.dial()
    await peer.join()
    asked = asyncio.create_task(place.driver.perform(operation("k1")))
    await peer.hear()
    await peer.say(result_of("k1", {"record": {"id": "m1", "state": "started"}}))
    await peer.say({"type": "report", "machines": [{"id": "m1", "state": "failed"}]})
    await asked
    await asyncio.sleep(0.01)
    assert place.door.heard_of == []
    place.door.recording.set()
    await asyncio.wait_for(place.door.told.wait(), 5)


@pytest.mark.parametrize("error", [PermanentError("no such image"), TransientError("try later")])
async def test_a_refusal_comes_back_as_the_error_it_was(place: Place, error: Exception) -> None:
    peer = await place.dial()
    await peer.join()
    asked = asyncio.create_task(place.driver.perform(operation("k1")))
    await peer.hear()
    await peer.say(refusal_of("k1", error))
    with pytest.raises(type(error), match=str(error)):
        await asked


async def test_a_hang_up_is_transient_and_told_once(place: Place) -> None:
    peer = await place.dial()
    await peer.join()
    asked = asyncio.create_task(place.driver.perform(operation("k1")))
    await peer.hear()
    await peer.socket.close()
    with pytest.raises(TransientError, match="h1 hung up"):
        await asked
    await place.until_left()
    assert (place.door.left, place.driver.connected) == (["h1"], 0)


async def test_nobody_connected_is_transient(place: Place) -> None:
    peer = await place.dial()
    await peer.join()
    with pytest.raises(TransientError, match="h10 is not connected"):
        await place.driver.perform(operation(on="h10"))


async def test_before_the_welcome_nothing_is_sent(place: Place) -> None:
    peer = await place.dial()
    await peer.greet()
    with pytest.raises(TransientError, match="not connected"):
        await place.driver.perform(operation())


async def test_a_newer_session_takes_the_place_of_the_old_one(place: Place) -> None:
    old, new = await place.dial(), await place.dial()
    await old.join()
    await new.join()
    asked = asyncio.create_task(place.driver.perform(operation("k1")))
    assert (await new.hear())["key"] == "k1"
    await old.say({"type": "report", "machines": ["stale"]})
    await old.socket.close()
    await new.say(result_of("k1", {"done": True}))
    assert await asked == {"done": True}
    assert (place.door.heard_of, place.door.left, place.driver.connected) == ([], [], 1)


async def test_a_frame_sent_twice_ends_the_session(place: Place) -> None:
    peer = await place.dial()
    await peer.join()
    frame = peer.channel.seal({"type": "report"})
    await peer.socket.send_bytes(frame)
    await peer.socket.send_bytes(frame)
    assert (await peer.turned_away())[0] == REFUSED
    await place.until_left()
    assert len(place.door.heard_of) == 1


async def test_a_refused_clone_leaves_the_host_that_is_there_in_place(place: Place) -> None:
    good, clone = await place.dial(), await place.dial()
    await good.join()
    place.door.turned_away = "h1 is known with another identity"
    await clone.greet()
    await clone.say({"type": "hello"})
    assert (await clone.turned_away())[0] == REFUSED
    await good.say({"type": "report", "machines": []})
    await asyncio.wait_for(place.door.told.wait(), 5)
    asked = asyncio.create_task(place.driver.perform(operation("k1")))
    assert (await good.hear())["key"] == "k1"
    await good.say(result_of("k1", {}))
    assert await asked == {}
    assert (place.door.left, place.driver.connected) == ([], 1)


async def test_while_a_hello_is_judged_the_older_session_is_neither_heard_nor_lost(place: Place) -> None:
    old, new = await place.dial(), await place.dial()
    await old.join()
    place.door.judging = asyncio.Event()
    await new.greet()
    await new.say({"type": "hello"})
    await asyncio.wait_for(place.door.asked.wait(), 5)
    await old.say({"type": "report", "machines": ["late"]})
    await asyncio.sleep(0.05)
    assert place.door.heard_of == []
    place.door.turned_away = "h1 is known with another identity"
    place.door.judging.set()
    await asyncio.wait_for(place.door.told.wait(), 5)
    assert place.door.heard_of == [("h1", {"type": "report", "machines": ["late"]})]


async def test_the_displaced_session_is_closed_and_its_commands_are_given_back(place: Place) -> None:
    old, new = await place.dial(), await place.dial()
    await old.join()
    asked = asyncio.create_task(place.driver.perform(operation("k1")))
    await old.hear()
    await new.join()
    last = await old.socket.receive(timeout=5)
    assert (last.type, old.socket.close_code) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
    with pytest.raises(TransientError, match="h1 hung up"):
        await asked
    assert (place.door.left, place.driver.connected) == ([], 1)


async def test_a_greeting_is_small(place: Place) -> None:
    peer = await place.dial()
    await peer.socket.send_str(greeting_text(Greeting(AGENT.public_key, fresh_nonce(), "h" * 4096)))
    assert await peer.turned_away() == (REFUSED, "the peer's greeting is too long")


async def test_a_frame_beyond_eight_mebibytes_ends_the_session(place: Place) -> None:
    peer = await place.dial()
    await peer.join()
    with contextlib.suppress(ConnectionError):
        await peer.say({"type": "report", "machines": ["x" * 9 * 2**20]})
    await place.until_left()
    assert (place.door.heard_of, place.door.left) == ([], ["h1"])
