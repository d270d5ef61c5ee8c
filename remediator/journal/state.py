"""A digest of a set of rows that grows and shrinks row by row, so that a snapshot need not be read to be moved.

The product, modulo a prime of 3072 bits, of one large number for each member (MuHash): the order does not matter, a
member that leaves is divided out, and two sets with the same product are as hard to find as a discrete logarithm.
"""

from collections.abc import Iterable
from hashlib import shake_256
from typing import NamedTuple

STATE_BYTES = 384
_PRIME = 2**3072 - 1103717
EMPTY = (1).to_bytes(STATE_BYTES, "big")


class Member(NamedTuple):
    """One row of a snapshot, or the last entry of a kind about a subject (``kind`` begins with ``entry/``)."""

    kind: bytes
    id: bytes
    version: int
    body: bytes


def moved(state: bytes, left: Iterable[Member], joined: Iterable[Member]) -> bytes:
    """The state once some have left and others have joined."""
    above = _product(int.from_bytes(state, "big"), joined)
    below = _product(1, left)
    return (above * pow(below, -1, _PRIME) % _PRIME).to_bytes(STATE_BYTES, "big")


def _product(start: int, members: Iterable[Member]) -> int:
    for member in members:
        start = start * _element(member) % _PRIME
    return start


def _element(member: Member) -> int:
    kind, identifier, version, body = member
    lengths = b"%d %d %d " % (version, len(kind), len(identifier))
    drawn = shake_256(b"".join((lengths, kind, identifier, body))).digest(STATE_BYTES)
    # Nought has no inverse; it is drawn once in 2**3072.
    return int.from_bytes(drawn, "big") % _PRIME or 1
