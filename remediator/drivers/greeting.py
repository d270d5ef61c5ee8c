"""The remediator's half of an agent's greeting: both prove themselves, and a channel between them is made."""

from collections.abc import Callable

from aiohttp import web
from nacl.public import PrivateKey, PublicKey

from remediator.model.errors import PermanentError
from remediator.wire.channel import Channel
from remediator.wire.handshake import Greeting, fresh_nonce, greeting_text, parse_greeting, session_of

_WITHIN_SECONDS = 5
LARGEST_FRAME = 8 * 2**20


async def greeted(
    socket: web.WebSocketResponse, box: PrivateKey, key_of: Callable[[str], PublicKey | None]
) -> tuple[str, Channel]:
    """The agent's name, and what is said with it from now on.

    Raises:
        PermanentError: no greeting, or a key that is not the one it enrolled with.
        TypeError, TimeoutError: something else came, or nothing in time.
    """
    theirs = parse_greeting(await socket.receive_str(timeout=_WITHIN_SECONDS))
    known = key_of(theirs.name)
    if known is None or bytes(known) != bytes(theirs.key):
        raise PermanentError(f"{theirs.name} is not enrolled with this key")
    mine = Greeting(box.public_key, fresh_nonce())
    await socket.send_str(greeting_text(mine))
    return theirs.name, Channel(box, known, session_of(theirs.nonce, mine.nonce), "r")
