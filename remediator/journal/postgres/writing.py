"""A batch and a snapshot's step in a few statements, for each costs a way to the database and back."""

from collections.abc import Sequence
from typing import Any

from remediator.journal.batch import Batch
from remediator.journal.postgres.schema import Session
from remediator.journal.protocol import Conflict, Row
from remediator.journal.snapshot import Step

_KEYS = "(kind, id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"


def check_versions(db: Session, shard: str, rows: Sequence[Row]) -> None:
    """Lock what is to be changed.

    Raises:
        Conflict: a row is not as it was when it was read.
    """
    if not rows:
        return
    keys = ([row.kind for row in rows], [row.id for row in rows])
    asked: Any = f"SELECT kind, id, version FROM rows WHERE shard = %s AND {_KEYS} FOR UPDATE"  # noqa: S608
    versions = {(kind, identifier): version for kind, identifier, version in db.execute(asked, (shard, *keys))}
    for row in rows:
        version = versions.get((row.kind, row.id), 0)
        if version != row.version or (row.value is None and not version):
            raise Conflict(f"{row.kind} {row.id}: version {version}, expected {row.version}")


def write_batch(db: Session, shard: str, rows: Sequence[Row], batch: Batch) -> None:
    """Everything of one commit, in the transaction that is open."""
    _write_rows(db, shard, rows, batch)
    if batch.lines:
        texts = [(each.at, each.kind, each.id, each.subject) for each in batch.lines]
        columns = [[text.decode() for text in column] for column in zip(*texts, strict=True)]
        db.execute(
            "INSERT INTO entries SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[],"
            " %s::text[], %s::bytea[])",
            (shard, [each.seq for each in batch.lines], *columns, [each.body for each in batch.lines]),
        )
    if batch.changes:
        kinds, ids = [each.kind.decode() for each in batch.changes], [each.id.decode() for each in batch.changes]
        numbers = ([each.seq for each in batch.changes], [each.version for each in batch.changes])
        db.execute(
            "INSERT INTO changes SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[],"
            " %s::bytea[])",
            (shard, numbers[0], kinds, ids, numbers[1], [each.body for each in batch.changes]),
        )
    head = batch.head
    of_head = (head.number, head.at, head.term, head.last_entry, head.last_change, head.hash, head.signature)
    db.execute(
        "INSERT INTO commits VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", (shard, *of_head, batch.leaves)
    )  # fmt: skip


def _write_rows(db: Session, shard: str, rows: Sequence[Row], batch: Batch) -> None:
    put = [(row, body) for row, body in zip(rows, batch.bodies, strict=True) if body is not None]
    gone = [row for row in rows if row.value is None]
    if put:
        kinds, ids = [row.kind for row, _ in put], [row.id for row, _ in put]
        versions, bodies = [row.version + 1 for row, _ in put], [body for _, body in put]
        db.execute(
            "INSERT INTO rows SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bytea[])"
            " ON CONFLICT (shard, kind, id) DO UPDATE SET version = excluded.version, body = excluded.body",
            (shard, kinds, ids, versions, bodies),
        )
    if gone:
        asked: Any = f"DELETE FROM rows WHERE shard = %s AND {_KEYS}"  # noqa: S608 - our own words
        db.execute(asked, (shard, [row.kind for row in gone], [row.id for row in gone]))


def write_step(db: Session, shard: str, step: Step) -> None:
    """A snapshot's members, and what they stand for gone."""
    kinds, ids = [kind.decode() for kind, _ in step.gone], [identifier.decode() for _, identifier in step.gone]
    gone: Any = f"DELETE FROM base WHERE shard = %s AND {_KEYS}"  # noqa: S608 - our own words
    db.execute(gone, (shard, kinds, ids))
    put = step.put
    keys = ([member.kind.decode() for member in put], [member.id.decode() for member in put])
    db.execute(
        "INSERT INTO base SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bytea[])"
        " ON CONFLICT (shard, kind, id) DO UPDATE SET version = excluded.version, body = excluded.body",
        (shard, *keys, [member.version for member in put], [member.body for member in put]),
    )
    head = step.horizon.head
    for table, column, last in (
        ("entries", "seq", head.last_entry),
        ("changes", "seq", head.last_change),
        ("commits", "number", head.number),
    ):
        pruned: Any = f"DELETE FROM {table} WHERE shard = %s AND {column} <= %s"  # noqa: S608 - our own words
        db.execute(pruned, (shard, last))
