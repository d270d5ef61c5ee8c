"""What one commit writes, made ready before anything changes: what cannot be encoded must change nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nacl.signing import SigningKey

from remediator.journal import codec
from remediator.journal.chain import Change, Head, Line, linked
from remediator.journal.heads import sign_head
from remediator.journal.protocol import Entry, Row


@dataclass(frozen=True, slots=True)
class Batch:
    """``bodies`` are the rows' in full, in order (None: deleted); ``changes`` are what the chain keeps of them."""

    bodies: list[bytes | None]
    changes: list[Change]
    lines: list[Line]
    leaves: bytes
    head: Head


def build_batch(
    before: Head,
    rows: Sequence[Row],
    entries: Sequence[Entry],
    signer: SigningKey | None,
    shard: str = "",
    term: int = 0,
) -> Batch:
    """The next commit after ``before``, signed when there is a key.

    Raises:
        TypeError: a value cannot be written.
    """
    bodies = [None if row.value is None else codec.encode(row.value) for row in rows]
    numbered = enumerate(zip(rows, bodies, strict=True), before.last_change + 1)
    changes = [_change(seq, row, body) for seq, (row, body) in numbered]
    lines = [_line(seq, entry) for seq, entry in enumerate(entries, before.last_entry + 1)]
    at = max([line.at.decode() for line in lines], default=before.at)
    head, leaves = linked(before, lines, changes, at, term)
    signature = sign_head(signer, shard, head) if signer else b""
    return Batch(bodies, changes, lines, leaves, replace(head, signature=signature))


def _change(seq: int, row: Row, body: bytes | None) -> Change:
    kind, identifier = row.kind.encode(), row.id.encode()
    if body is None:
        return Change(seq, kind, identifier, row.version, None)
    return Change(seq, kind, identifier, row.version + 1, codec.history_form(row.kind, body))


def _line(seq: int, entry: Entry) -> Line:
    texts = (entry.at.isoformat(), entry.kind, entry.id, entry.subject)
    at, kind, identifier, subject = (text.encode() for text in texts)
    return Line(seq, at, kind, identifier, subject, codec.encode(entry.body))
