"""Signed heads of the chain: what is exported, so that whoever rewrites the database is found out."""

import base64
import binascii
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from remediator.journal.chain import Head
from remediator.journal.protocol import Journal, JournalUnusable
from remediator.wire.keys import key_text, write_private

FILE = "journal.head"


@dataclass(frozen=True, slots=True)
class Told:
    """A head as it was exported."""

    shard: str
    number: int
    hash: bytes
    signature: bytes


def sign_head(key: SigningKey, shard: str, head: Head) -> bytes:
    return key.sign(_statement(shard, head.number, head.hash)).signature


def signed_by(key: VerifyKey, shard: str, number: int, digest: bytes, signature: bytes) -> bool:
    """Whether that key signed that commit."""
    try:
        key.verify(_statement(shard, number, digest), signature)
    except (CryptoError, ValueError, TypeError):
        return False
    return True


def head_doc(shard: str, head: Head, key: VerifyKey | None) -> dict[str, Any]:
    """What `GET /v1/journal/head` answers and the file beside the journal holds."""
    return {
        "shard": shard,
        "number": head.number,
        "at": head.at,
        "entries": head.last_entry,
        "hash": head.hash.hex(),
        "key": key_text(key) if key else "",
        "signature": base64.b64encode(head.signature).decode(),
    }


def write_head(path: Path, doc: dict[str, Any]) -> None:
    """Replace the exported head; on disk when this returns."""
    write_private(path, msgspec.json.encode(doc) + b"\n")


def read_head(path: Path) -> Told:
    """The exported head in a file.

    Raises:
        JournalUnusable: it is none.
    """
    try:
        doc = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        signature = base64.b64decode(str(doc["signature"]), validate=True)
        return Told(str(doc["shard"]), int(doc["number"]), bytes.fromhex(str(doc["hash"])), signature)
    except OSError as error:
        raise JournalUnusable(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, binascii.Error, KeyError, ValueError) as error:
        raise JournalUnusable(f"{path}: not a head of a journal") from error


def told_before(folder: Path) -> Told | None:
    """The head exported last, if there is one that can be read."""
    with contextlib.suppress(JournalUnusable):
        return read_head(folder / FILE)
    return None


def keep_head(folder: Path, shard: str, head: Head, key: VerifyKey) -> None:
    """What a follower saw of the chain, for the day it leads: never in place of what shows that more was there."""
    told = told_before(folder)
    if head.number and (told is None or told.shard != shard or told.number < head.number):
        write_head(folder / FILE, head_doc(shard, head, key))


def rewound(journal: Journal, told: Told | None) -> str:
    """Why this journal is not the one that exported that head, or an older copy of it; empty if it is."""
    if told is None or told.shard != journal.shard:
        return ""
    head = journal.head()
    if told.number > head.number:
        return f"the journal ends at commit {head.number}, its exported head names {told.number}: an older copy"
    known = journal.known_hash(told.number)
    if known is not None and known != told.hash:
        return f"commit {told.number} of the journal is another one than its exported head names"
    return ""


def _statement(shard: str, number: int, digest: bytes) -> bytes:
    return b"fleetmend journal head 1\n%d %d %s" % (number, len(shard), shard.encode() + digest)
