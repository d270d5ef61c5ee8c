"""A remediator with no mind of its own: it enrols agents, welcomes them and sends what a test tells it to."""

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web
from nacl.public import PrivateKey, PublicKey
from nacl.signing import SigningKey

from remediator.model.request import Origin
from remediator.wire.channel import Channel
from remediator.wire.handshake import Greeting, fresh_nonce, greeting_text, parse_greeting, session_of
from remediator.wire.keys import fingerprint, key_text, parse_box_key
from remediator.wire.messages import Command, Welcome
from remediator.wire.statements import signed_command, signed_welcome

Message = dict[str, Any]


@dataclass(slots=True)
class FakeRemediator:
    """Holds real keys and speaks the real wire; ``told`` keeps every message of every agent, in order."""

    welcome: Welcome = field(default_factory=lambda: Welcome(epoch=1, incarnation="1", term=1))
    secret: str = field(default="once")
    box: PrivateKey = field(default_factory=PrivateKey.generate)
    signing: SigningKey = field(default_factory=SigningKey.generate)
    unseal: PrivateKey = field(default_factory=PrivateKey.generate)
    operator: SigningKey = field(default_factory=SigningKey.generate)
    enrolled: dict[str, Message] = field(default_factory=dict)
    told: list[tuple[str, Message]] = field(default_factory=list)
    machines: dict[str, Message] = field(default_factory=dict)
    volumes: dict[str, Message] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    url: str = ""
    # As remediators of today do; those of before do not.
    signs: bool = True
    # Told in the answer to a join, signed.
    ceilings: Message = field(default_factory=dict)
    _peers: dict[str, tuple[web.WebSocketResponse, Channel]] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Future[Message]] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.AppRunner | None = None

    @property
    def token(self) -> str:
        return f"{self.secret}.{fingerprint(self.box.public_key)}"

    @property
    def connected(self) -> set[str]:
        return set(self._peers)

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.add_routes([web.post("/internal/join", self._join), web.get("/internal/agent", self._agent)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])

    async def stop(self) -> None:
        for socket, _ in list(self._peers.values()):
            await socket.close()
        if self._runner:
            await self._runner.cleanup()

    async def send(
        self, host: str, verb: str, *, key: str = "", origin: Origin = Origin.OWNER, **args: Any
    ) -> Message:
        """Send a command under the current welcome's term and epoch; the result message."""
        number = next(self._numbers)
        held = self.welcome
        command = Command(key or f"key-{number}", verb, held.term, number, held.epoch, origin, args)
        return await self.send_command(host, command)

    async def send_command(self, host: str, command: Command) -> Message:
        """Send any command, stale ones too; the result message."""
        answer = self._waiting[command.key] = asyncio.get_running_loop().create_future()
        socket, channel = self._peers[host]
        if self.signs and not command.signature:
            command = signed_command(command, self.welcome.incarnation, self.signing)
        await socket.send_bytes(channel.seal(command.message()))
        return await asyncio.wait_for(answer, 20)

    async def until(self, true: Any, seconds: float = 30.0) -> None:
        """Wait until ``true()`` holds; it is asked after each message."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(true)

    async def _join(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked["token"].partition(".")[0] != self.secret:
            return web.json_response({"error": "this join token is unknown, used or too old"}, status=403)
        self.enrolled[asked["name"]] = asked
        mine = {
            "box_key": key_text(self.box.public_key),
            "verify_key": key_text(self.signing.verify_key),
            "unseal_key": key_text(self.unseal.public_key),
            "operator_key": key_text(self.operator.verify_key),
            "fingerprint": fingerprint(self.box.public_key),
            "ceilings": self.ceilings,
        }
        return web.json_response(mine)

    def agent_key(self, host: str) -> PublicKey:
        """Where configs for that host are sealed to."""
        return parse_box_key(self.enrolled[host]["box_key"])

    async def _agent(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        hello = parse_greeting(await socket.receive_str())
        mine = Greeting(self.box.public_key, fresh_nonce())
        await socket.send_str(greeting_text(mine))
        channel = Channel(self.box, hello.key, session_of(hello.nonce, mine.nonce), "r")
        self._peers[hello.name] = (socket, channel)
        try:
            async for frame in socket:
                if frame.type is aiohttp.WSMsgType.BINARY:
                    await self._hear(hello.name, channel.open(frame.data))
        finally:
            if self._peers.get(hello.name, (None,))[0] is socket:
                del self._peers[hello.name]
        return socket

    async def _hear(self, host: str, message: Message) -> None:
        async with self._changed:
            self.told.append((host, message))
            self._learn(message)
            self._changed.notify_all()
        if message["type"] == "hello":
            socket, channel = self._peers[host]
            said = signed_welcome(self.welcome, host, self.signing) if self.signs else self.welcome
            await socket.send_bytes(channel.seal(said.message()))

    def _learn(self, message: Message) -> None:
        if message["type"] == "result" and message["key"] in self._waiting:
            answer = self._waiting.pop(message["key"])
            if not answer.done():
                answer.set_result(message)
            return
        self.machines.update({record["id"]: record for record in message.get("machines", [])})
        self.volumes.update({volume["id"]: volume for volume in message.get("volumes", [])})
        for gone in message.get("absent", []):
            self.machines.pop(gone, None)
            self.absent.append(gone)

    def condemn(self, *machines: str) -> None:
        """The next welcome names these as condemned by automatic decisions, in a new epoch."""
        epoch = self.welcome.epoch + 1
        self.welcome = replace(self.welcome, epoch=epoch, condemned=machines, automatic=machines)
