"""The two open text frames that begin a session; everything after them is boxed."""

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass

import msgspec
from nacl.public import PublicKey

from remediator.model.errors import PermanentError
from remediator.wire.keys import key_text, parse_box_key

NONCE_BYTES = 16
# A greeting is read before anybody is known: a key, a nonce and a name need no more.
GREETING_CHARACTERS = 4096
# The WebSocket close code for a peer that is not who it should be; the reason says why.
REFUSED = 4403


@dataclass(frozen=True, slots=True)
class Greeting:
    """What one side says of itself; ``name`` is empty in the remediator's answer."""

    key: PublicKey
    nonce: bytes
    name: str = ""


class _Text(msgspec.Struct, omit_defaults=True):
    key: str
    nonce: str
    name: str = ""


def fresh_nonce() -> bytes:
    """Sixteen bytes that no other session will have."""
    return os.urandom(NONCE_BYTES)


def greeting_text(greeting: Greeting) -> str:
    """The text frame for a greeting."""
    nonce = base64.b64encode(greeting.nonce).decode()
    return msgspec.json.encode(_Text(key_text(greeting.key), nonce, greeting.name)).decode()


def parse_greeting(text: str | bytes) -> Greeting:
    """A text frame to a greeting.

    Raises:
        PermanentError: it is none.
    """
    if len(text) > GREETING_CHARACTERS:
        raise PermanentError("the peer's greeting is too long")
    try:
        said = msgspec.json.decode(text, type=_Text)
        nonce = base64.b64decode(said.nonce, validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise PermanentError("the peer's greeting cannot be read") from error
    if len(nonce) != NONCE_BYTES:
        raise PermanentError("the peer's greeting has no proper nonce")
    return Greeting(parse_box_key(said.key), nonce, said.name)


def session_of(agent: bytes, remediator: bytes) -> bytes:
    """The session both nonces make: neither side alone can repeat an old one."""
    return hashlib.sha256(agent + remediator).digest()
