"""A mutually authenticated, confidential channel on top of any message transport.

Both sides know the other's static X25519 key, and a box can be made by the two holders of those keys only:
the first frame that opens proves the peer. Session, direction and a rising counter are inside the box, so a frame
can be neither replayed, nor reflected, nor carried into another session.
"""

import struct
from typing import Any, Literal

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

from remediator.model.errors import PermanentError

Side = Literal["a", "r"]
_HEAD = struct.Struct(">32scQ")


class Channel:
    """One session between an agent (side ``a``) and a remediator (side ``r``).

    Args:
        session: 32 bytes both sides contributed to, see ``handshake.session_of``.
        sends: which side this end is.
    """

    def __init__(self, private: PrivateKey, peer: PublicKey, session: bytes, sends: Side) -> None:
        self._box = Box(private, peer)
        self._session = session
        self._sends = sends.encode()
        self._hears = b"r" if sends == "a" else b"a"
        self._sent = 0
        self._heard = 0

    def seal(self, message: dict[str, Any]) -> bytes:
        """The next frame to send."""
        self._sent += 1
        head = _HEAD.pack(self._session, self._sends, self._sent)
        return bytes(self._box.encrypt(head + msgspec.json.encode(message)))

    def open(self, frame: bytes) -> dict[str, Any]:
        """The message in a frame.

        Raises:
            PermanentError: not from the peer, of another session or direction, or seen before.
        """
        try:
            content = self._box.decrypt(frame)
        except (CryptoError, ValueError, TypeError) as error:
            raise PermanentError("a frame that the peer did not make") from error
        if len(content) < _HEAD.size:
            raise PermanentError("a frame without a head")
        self._check(*_HEAD.unpack_from(content))
        return _parse(content[_HEAD.size :])

    def _check(self, session: bytes, side: bytes, counter: int) -> None:
        if session != self._session:
            raise PermanentError("a frame of another session")
        if side != self._hears:
            raise PermanentError("a frame of our own, sent back")
        if counter <= self._heard:
            raise PermanentError("a frame that was seen before")
        self._heard = counter


def _parse(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise PermanentError("a frame whose content is no JSON object") from error
