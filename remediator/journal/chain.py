"""The hash chain: each commit covers everything written in it, and the commit before.

A leaf is the SHA-256 of one entry or one row change, with every column, lengths first. A commit's hash covers the
hash and the signature of the commit before, its own numbers and its leaves in order: row changes, then entries.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

DIGEST_BYTES = 32
GENESIS = bytes(DIGEST_BYTES)


class Line(NamedTuple):
    """One entry as it is written; texts in UTF-8."""

    seq: int
    at: bytes
    kind: bytes
    id: bytes
    subject: bytes
    body: bytes


class Change(NamedTuple):
    """A row as it is from here on; ``body`` None: it is gone, and had that version."""

    seq: int
    kind: bytes
    id: bytes
    version: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends: the last commit with the last entry and row change that it covers.

    ``at`` is the newest moment that its entries name (of a commit before, if it has none), ``term`` the lease's.
    """

    number: int = 0
    at: str = ""
    term: int = 0
    last_entry: int = 0
    last_change: int = 0
    hash: bytes = GENESIS
    signature: bytes = b""


def line_leaf(line: Line) -> bytes:
    seq, at, kind, identifier, subject, body = line
    lengths = b"entry %d %d %d %d %d " % (seq, len(at), len(kind), len(identifier), len(subject))
    return sha256(b"".join((lengths, at, kind, identifier, subject, body))).digest()


def change_leaf(change: Change) -> bytes:
    seq, kind, identifier, version, body = change
    gone = b"gone" if body is None else b"row"
    lengths = b"%s %d %d %d %d " % (gone, seq, version, len(kind), len(identifier))
    return sha256(b"".join((lengths, kind, identifier, body or b""))).digest()


def next_hash(before: Head, after: Head, leaves: bytes) -> bytes:
    """The hash that a commit must have; ``after.hash`` and ``after.signature`` are not read."""
    at = after.at.encode()
    numbers = (after.number, after.term, after.last_entry, after.last_change, len(before.signature), len(at))
    told = b"commit %d %d %d %d %d %d " % numbers
    return sha256(b"".join((told, before.hash, before.signature, at, leaves))).digest()


def linked(before: Head, lines: list[Line], changes: list[Change], at: str, term: int) -> tuple[Head, bytes]:
    """The head after a commit of these, not yet signed, and its leaves."""
    leaves = b"".join([*map(change_leaf, changes), *map(line_leaf, lines)])
    after = Head(
        before.number + 1, at, term, before.last_entry + len(lines), before.last_change + len(changes)
    )  # fmt: skip
    return replace(after, hash=next_hash(before, after, leaves)), leaves
