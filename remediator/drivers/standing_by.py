"""The agents' sockets of a remediator that does not lead: it proves who it is, listens, and commands nothing."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import aiohttp
from aiohttp import web
from nacl.public import PrivateKey, PublicKey

from remediator.drivers.greeting import LARGEST_FRAME, greeted
from remediator.model.errors import PermanentError, TransientError
from remediator.wire.channel import Channel
from remediator.wire.handshake import REFUSED
from remediator.wire.messages import FOLLOWS

Message = dict[str, Any]


class Listener(Protocol):
    """Who keeps what is heard."""

    def key_of(self, name: str) -> PublicKey | None: ...

    def heard(self, host: str) -> None: ...

    def hung_up(self, host: str) -> None: ...


class StandingBy:
    """Every word of an agent says that its host lives, and nothing else is taken from it."""

    def __init__(self, box: PrivateKey, listener: Listener, leader: Callable[[], str]) -> None:
        self._box = box
        self._listener = listener
        self._leader = leader

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One agent's session from greeting to hang-up."""
        socket = web.WebSocketResponse(max_msg_size=LARGEST_FRAME)
        await socket.prepare(request)
        try:
            name, channel = await greeted(socket, self._box, self._listener.key_of)
        except (PermanentError, TypeError, TimeoutError) as error:
            await socket.close(code=REFUSED, message=str(error).encode()[:120])
            return socket
        await self._listen(name, socket, channel)
        return socket

    async def _listen(self, name: str, socket: web.WebSocketResponse, channel: Channel) -> None:
        try:
            async for frame in socket:
                if frame.type is not aiohttp.WSMsgType.BINARY:
                    break
                message = channel.open(frame.data)
                self._listener.heard(name)
                if message.get("type") == "hello":
                    await socket.send_bytes(channel.seal({"type": FOLLOWS, "leader": self._leader()}))
        except (PermanentError, TransientError) as error:
            with suppress(ConnectionError, aiohttp.ClientError):
                await socket.close(code=REFUSED, message=str(error).encode()[:120])
        finally:
            self._listener.hung_up(name)
