"""A remediator that follows, at its door: a real server, a real WebSocket, and the agent's own session."""

import asyncio
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from nacl.public import PrivateKey, PublicKey

from remediator.drivers.standing_by import StandingBy
from remediator.wire.handshake import REFUSED
from remediator.wire.messages import FOLLOWS
from tests.remediator.drivers.test_drivers_embedded import AGENT, OURS, Peer


@dataclass
class Ear:
    """Remembers who was heard, and who left."""

    keys: dict[str, PublicKey] = field(default_factory=lambda: {"h1": AGENT.public_key})
    told: list[str] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def key_of(self, name: str) -> PublicKey | None:
        return self.keys.get(name)

    def heard(self, host: str) -> None:
        self.told.append(host)

    def hung_up(self, host: str) -> None:
        assert host in self.told
        self.left.set()


def served(ear: Ear) -> TestServer:
    app = web.Application()
    app.router.add_get("/internal/agent", StandingBy(OURS, ear, lambda: "b-1").serve)
    return TestServer(app)


async def test_an_agent_hears_who_leads_and_is_heard() -> None:
    ear = Ear()
    async with served(ear) as server, aiohttp.ClientSession() as http:
        async with http.ws_connect(server.make_url("/internal/agent")) as socket:
            peer = Peer(socket, AGENT, "h1")
            await peer.greet()
            await peer.say({"type": "hello", "name": "h1"})
            assert await peer.hear() == {"type": FOLLOWS, "leader": "b-1"}
            await peer.say({"type": "alive"})
        await asyncio.wait_for(ear.left.wait(), 5)
    assert ear.told == ["h1", "h1"]


async def test_a_stranger_is_turned_away() -> None:
    ear = Ear()
    async with (
        served(ear) as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(server.make_url("/internal/agent")) as socket,
    ):
        peer = Peer(socket, PrivateKey.generate(), "h1")
        await peer.socket.send_str("")
        code, _ = await peer.turned_away()
    assert code == REFUSED
    assert ear.told == []
