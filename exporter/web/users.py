"""Who may ask: basic authentication against bcrypt hashes."""

import asyncio
import base64
import binascii
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from hashlib import blake2b

import bcrypt

from exporter.workers import Workers

MOST_REMEMBERED = 100
MOST_WAITING = 32
LONGEST_PASSWORD = 72  # bytes; bcrypt never looks at more
DEFAULT_COST = 10

Credentials = tuple[bytes, bytes]


class TooBusy(Exception):
    """More passwords wait to be checked than ever should."""


def parse_credentials(header: str) -> Credentials | None:
    """User and password of an Authorization header; None if it holds none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


class Passwords:
    """Checks passwords in a thread, one at a time, and remembers the answers, but not the passwords.

    What is remembered is a digest under a key that only this process has, and that ends with it.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._thread = Workers(size=1)
        # Apart: any number of wrong passwords pushes no right one out.
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._open: dict[bytes, asyncio.Future[bool]] = {}

    async def allow(self, users: Mapping[bytes, bytes], credentials: Credentials) -> bool:
        """Whether the password is that user's. Raises TooBusy.

        A user that nobody knows costs as much time as one with a wrong password.
        """
        user, password = credentials
        known = users.get(user)
        expected = known or never_matching(users)
        digest = self._digest(user, expected, password)
        if digest in self._right:
            self._right.move_to_end(digest)
            return True
        if digest in self._wrong:
            return False
        right = await self._check(digest, password, expected) and known is not None
        remember(self._right if right else self._wrong, digest)
        return right

    async def _check(self, digest: bytes, password: bytes, expected: bytes) -> bool:
        """Scrapes that come together with the same password wait for one check."""
        future = self._open.get(digest)
        if future is None:
            if len(self._open) >= MOST_WAITING:
                raise TooBusy
            future = asyncio.wrap_future(self._thread.submit(partial(matches, password, expected)))
            self._open[digest] = future
            future.add_done_callback(lambda _: self._open.pop(digest))
        return await asyncio.shield(future)

    def _digest(self, *parts: bytes) -> bytes:
        digest = blake2b(key=self._key, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


def matches(password: bytes, expected: bytes) -> bool:
    """Takes some 70 ms at a cost of 10; does not hold the interpreter's lock."""
    try:
        return bcrypt.checkpw(password[:LONGEST_PASSWORD], expected)
    except ValueError:
        return False


def never_matching(users: Mapping[bytes, bytes]) -> bytes:
    """A hash that no password has, as costly as the users' own."""
    cost = max((int(known[4:6]) for known in users.values()), default=DEFAULT_COST)
    return b"$2b$%02d$" % cost + b"." * 53


def remember(digests: OrderedDict[bytes, None], digest: bytes) -> None:
    digests[digest] = None
    if len(digests) > MOST_REMEMBERED:
        digests.popitem(last=False)
