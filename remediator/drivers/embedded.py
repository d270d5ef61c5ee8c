"""The driver of the embedded fleet: one boxed WebSocket session for each host's agent."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
from aiohttp import web
from nacl.public import PrivateKey, PublicKey

from remediator.drivers.greeting import LARGEST_FRAME, greeted
from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation
from remediator.wire.channel import Channel
from remediator.wire.handshake import REFUSED
from remediator.wire.messages import Command, Welcome

Message = dict[str, Any]
# Copying a volume may take long; everything else answers in well under this.
# One report of so many is answered.
_ACKNOWLEDGED = 4
# How a command is signed for its host before it is sent.
Stamp = Callable[[str, Command], Command]
_PATIENCE = {"create_volume": 120.0, "snapshot": 120.0, "extend_volume": 120.0}


class Front(Protocol):
    """Who listens to the agents: the runtime."""

    def key_of(self, name: str) -> PublicKey | None: ...

    async def greeted(self, name: str, hello: Message) -> Welcome: ...

    async def heard(self, name: str, report: Message) -> None: ...

    async def recorded(self, name: str, key: str, record: Message) -> None: ...

    def hung_up(self, name: str) -> None: ...


class Authority(Protocol):
    """Under which term and epoch commands go out."""

    def term(self) -> int: ...

    def epoch_of(self, host: str) -> int: ...


@dataclass(slots=True)
class _Session:
    socket: web.WebSocketResponse
    channel: Channel
    waiting: dict[str, asyncio.Future[Message]] = field(default_factory=dict)
    welcomed: bool = False

    async def send(self, message: Message) -> None:
        await self.socket.send_bytes(self.channel.seal(message))

    async def acknowledge(self, report: Message) -> None:
        """Say now and then that we hear it: an agent's lease runs from such words. Agents of before pass over it."""
        number = report.get("n")
        if isinstance(number, int) and number % _ACKNOWLEDGED == 1:
            await self.send({"type": "heard", "n": number})


class EmbeddedDriver:
    """Serves the agents' sessions and performs operations through them."""

    def __init__(
        self, box: PrivateKey, front: Front, authority: Authority, stamp: Stamp = lambda _host, command: command
    ) -> None:
        self._stamp = stamp
        self._box = box
        self._front = front
        self._authority = authority
        self._sessions: dict[str, _Session] = {}
        self._hellos: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._closing: set[asyncio.Task[bool]] = set()
        self._sequence = 0

    @property
    def connected(self) -> int:
        return len(self._sessions)

    async def perform(self, operation: Operation) -> Message:
        """Send the command and wait for its result.

        Raises:
            TransientError: the agent is away, hung up or did not answer in time; the same key may be sent again.
            PermanentError: the agent says it never will.
        """
        session = self._sessions.get(operation.host)
        if session is None or not session.welcomed:
            raise TransientError(f"{operation.host} is not connected")
        answer = session.waiting[operation.key] = asyncio.get_running_loop().create_future()
        try:
            await session.send(self._command(operation).message())
            result = await asyncio.wait_for(answer, _PATIENCE.get(operation.verb, 20.0))
        except (TimeoutError, ConnectionError, aiohttp.ClientError) as error:
            raise TransientError(f"{operation.host} did not answer {operation.verb}") from error
        finally:
            session.waiting.pop(operation.key, None)
        return _value(result)

    def _command(self, operation: Operation) -> Command:
        self._sequence += 1
        held = self._authority
        command = Command(
            operation.key,
            operation.verb,
            held.term(),
            self._sequence,
            held.epoch_of(operation.host),
            operation.origin,
            operation.args,
        )
        return self._stamp(operation.host, command)

    async def tell(self, host: str, message: Message) -> None:
        """Say something that asks for no answer; nothing when its agent is away."""
        session = self._sessions.get(host)
        if session is not None and session.welcomed:
            with suppress(ConnectionError, aiohttp.ClientError):
                await session.send(message)

    def hang_up(self) -> None:
        """End every session; each agent greets anew within half a second."""
        for session in self._sessions.values():
            self._leave(session, b"greet anew")

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One agent's session from greeting to hang-up."""
        socket = web.WebSocketResponse(max_msg_size=LARGEST_FRAME)
        await socket.prepare(request)
        try:
            name, channel = await greeted(socket, self._box, self._front.key_of)
        except (PermanentError, TypeError, TimeoutError) as error:
            await socket.close(code=REFUSED, message=str(error).encode()[:120])
            return socket
        await self._listen(name, _Session(socket, channel))
        return socket

    async def _listen(self, name: str, session: _Session) -> None:
        """Hear one agent until it hangs up; a newer session of the same host takes its place when it is welcome."""
        try:
            async for frame in session.socket:
                if frame.type is not aiohttp.WSMsgType.BINARY:
                    break
                await self._hear(name, session, session.channel.open(frame.data))
        except (PermanentError, TransientError) as error:
            await session.socket.close(code=REFUSED, message=str(error).encode()[:120])
        finally:
            self._close(name, session)

    async def _hear(self, name: str, session: _Session, message: Message) -> None:
        match message.get("type"):
            case "hello":
                async with self._hellos[name]:
                    welcome = await self._front.greeted(name, message)
                    self._displace(name, session)
                    await session.send(welcome.message())
                    session.welcomed = True
            case "result" if (answer := session.waiting.get(message.get("key", ""))) and not answer.done():
                answer.set_result(message)
                if record := (message.get("value") or {}).get("record"):
                    # What it says next is newer: taken in before this, it would be undone by this.
                    await self._front.recorded(name, message["key"], record)
            case "report":
                # Not while a hello is judged: when that is welcome, what an older session says is too late.
                async with self._hellos[name]:
                    if self._sessions.get(name) is session:
                        await self._front.heard(name, message)
                        await session.acknowledge(message)
            case _:
                pass

    def _displace(self, name: str, session: _Session) -> None:
        """The session speaks for its host from now on; the one that did is another life of the same agent."""
        older, self._sessions[name] = self._sessions.get(name), session
        if older is None or older is session:
            return
        self._leave(older, b"a newer session came")

    def _leave(self, session: _Session, why: bytes) -> None:
        # Beside us: a peer that is gone keeps a closing socket waiting.
        closing = asyncio.create_task(
            session.socket.close(code=aiohttp.WSCloseCode.GOING_AWAY, message=why, drain=False)
        )
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _close(self, name: str, session: _Session) -> None:
        for answer in session.waiting.values():
            if not answer.done():
                answer.set_exception(TransientError(f"{name} hung up"))
        if self._sessions.get(name) is session:
            del self._sessions[name]
            self._front.hung_up(name)


def _value(result: Message) -> Message:
    if result.get("ok"):
        value: Message = result.get("value", {})
        return value
    text = str(result.get("text", "no reason given"))
    if result.get("error") == "permanent":
        raise PermanentError(text)
    raise TransientError(text)
