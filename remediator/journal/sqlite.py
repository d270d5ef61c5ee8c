"""The journal in one SQLite file: WAL, synchronous FULL, one writer, locked against a second remediator."""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from nacl.signing import SigningKey

from remediator.journal import codec
from remediator.journal.batch import Batch, build_batch
from remediator.journal.chain import Change, Head, Line
from remediator.journal.protocol import Conflict, Entry, JournalUnusable, Row, Stored
from remediator.journal.reserve import Reserve, free_share
from remediator.journal.snapshot import Key, Pruned, build_step, touched
from remediator.journal.sqlite_schema import (
    SCHEMA_VERSION,
    open_database,
    read_head,
    read_horizon,
    write_commit,
    write_horizon,
)
from remediator.journal.state import Member
from remediator.model.errors import TransientError

__all__ = ["SCHEMA_VERSION", "SqliteJournal"]
_BYTES = "CAST(kind AS BLOB), CAST(id AS BLOB)"


class SqliteJournal:
    """Opens (or creates) ``folder/journal.db``; ``signer`` is asked for once the folder is ours.

    ``reserve`` are the bytes kept for a full disk.

    Raises:
        JournalUnusable: with one clear sentence; nothing was changed.
    """

    shard = ""

    def __init__(
        self, folder: Path, signer: Callable[[], SigningKey | None] = lambda: None, reserve: int = 0
    ) -> None:
        self._folder = folder
        self._lock = _locked(folder)
        with ExitStack() as failing:
            failing.callback(os.close, self._lock)
            self._signer = signer()
            self._db = _opened(folder / "journal.db", self._signer)
            failing.pop_all()
        self._head = read_head(self._db)
        self._reserve = Reserve(folder, reserve)

    def rows(self) -> dict[str, dict[str, Stored]]:
        return codec.decode_rows(self._db.execute("SELECT kind, id, version, body FROM rows"))

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        if not rows and not entries:
            return
        if self._reserve.spent:
            self._reserve.keep()
            self._spare(rows)
        batch = build_batch(self._head, rows, entries, self._signer)
        try:
            self._write(rows, batch)
        except TransientError as error:
            if not _disk_full(error) or not self._reserve.release():
                raise
            self._write(rows, batch)
        self._head = batch.head

    def _spare(self, rows: Sequence[Row]) -> None:
        """What is left of a full disk is for what must not be lost."""
        if self._reserve.spent and rows and all(row.kind in codec.SPARED for row in rows):
            raise TransientError("journal: the disk is full; what is left is kept for healing and destroys")

    def _write(self, rows: Sequence[Row], batch: Batch) -> None:
        with self._transaction() as db:
            for row, body in zip(rows, batch.bodies, strict=True):
                _write_row(db, row, body)
            db.executemany(
                "INSERT INTO entries VALUES"
                " (?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?)",
                batch.lines,
            )
            db.executemany("INSERT INTO changes VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?)", batch.changes)
            write_commit(db, batch.head, batch.leaves)

    def entries(self, kind: str, limit: int, *, identifier: str = "", subject: str = "") -> list[Entry]:
        found = self._db.execute(
            "SELECT at, kind, id, subject, body FROM entries"
            " WHERE kind = ? AND (? = '' OR id = ?) AND (? = '' OR subject = ?) ORDER BY seq DESC LIMIT ?",
            (kind, identifier, identifier, subject, subject, limit),
        )
        return [
            Entry(datetime.fromisoformat(at), name, key, about, codec.decode_body(body))
            for at, name, key, about, body in found
        ]

    def count(self) -> int:
        return self._head.last_entry

    def head(self) -> Head:
        return self._head

    def known_hash(self, number: int) -> bytes | None:
        asked = "SELECT hash FROM commits WHERE number = ?1 UNION SELECT hash FROM horizon WHERE number = ?1"
        found = self._db.execute(asked, (number,)).fetchone()
        return bytes(found[0]) if found else None

    def prune(self, before: datetime, most: int) -> int:
        limit = before.isoformat()
        with self._transaction() as db:
            known = db.execute(
                "SELECT number, at, term, last_entry, last_change, hash, signature, leaves FROM commits"
                " WHERE number < ? ORDER BY number LIMIT ?",
                (self._head.number, most),
            )
            old = [(Head(*head), leaves) for *head, leaves in takewhile(lambda row: row[1] < limit, known)]
            if old:
                self._move_horizon(db, old)
        return len(old)

    def _move_horizon(self, db: sqlite3.Connection, old: list[tuple[Head, bytes]]) -> None:
        head = old[-1][0]
        changes = f"SELECT seq, {_BYTES}, version, body FROM changes WHERE seq <= ? ORDER BY seq"  # noqa: S608
        lines = (
            f"SELECT seq, CAST(at AS BLOB), {_BYTES}, CAST(subject AS BLOB), body FROM entries"  # noqa: S608
            " WHERE seq <= ? ORDER BY seq"
        )
        pruned = Pruned(
            old,
            [Change(*row) for row in db.execute(changes, (head.last_change,))],
            [Line(*row) for row in db.execute(lines, (head.last_entry,))],
        )
        horizon = read_horizon(db)
        now = touched(pruned, horizon, self._signer, self.shard)
        step = build_step(horizon, head, now, _members(db, now), self._signer, self.shard)
        db.executemany("DELETE FROM base WHERE kind = CAST(? AS TEXT) AND id = CAST(? AS TEXT)", step.gone)
        db.executemany("INSERT OR REPLACE INTO base VALUES (CAST(? AS TEXT), CAST(? AS TEXT), ?, ?)", step.put)
        for table, column, last in (
            ("entries", "seq", head.last_entry),
            ("changes", "seq", head.last_change),
            ("commits", "number", head.number),
        ):
            db.execute(f"DELETE FROM {table} WHERE {column} <= ?", (last,))  # noqa: S608 - our own words
        write_horizon(db, step.horizon)

    def free_share(self) -> float | None:
        return free_share(self._folder)

    def cautions(self) -> list[str]:
        return ["the reserve for a full disk is spent"] if self._reserve.spent else []

    def break_off(self) -> None:
        """Nothing here waits for anybody."""

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; a disk that is full or failing is transient: nothing was written, nothing may be done."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise TransientError(f"journal: {error}") from error
        finally:
            # Whatever went wrong, no transaction may stay open: the next one could not begin.
            self._rollback()

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _members(db: sqlite3.Connection, keys: dict[Key, Member | None]) -> Iterator[Member]:
    asked = f"SELECT {_BYTES}, version, body FROM base WHERE kind = CAST(? AS TEXT) AND id = CAST(? AS TEXT)"  # noqa: S608
    for key in keys:
        yield from (Member(*row) for row in db.execute(asked, key))


def _disk_full(error: TransientError) -> bool:
    cause = error.__cause__
    return isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _write_row(db: sqlite3.Connection, row: Row, body: bytes | None) -> None:
    if body is None:
        done = db.execute(
            "DELETE FROM rows WHERE kind = ? AND id = ? AND version = ?", (row.kind, row.id, row.version)
        )
    elif row.version == 0:
        done = db.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, 1, ?)", (row.kind, row.id, body))
    else:
        done = db.execute(
            "UPDATE rows SET version = version + 1, body = ? WHERE kind = ? AND id = ? AND version = ?",
            (body, row.kind, row.id, row.version),
        )
    if done.rowcount != 1:
        raise Conflict(f"{row.kind} {row.id}: not at version {row.version}")


def _opened(path: Path, signer: SigningKey | None) -> sqlite3.Connection:
    try:
        return open_database(path, signer)
    except sqlite3.Error as error:
        raise JournalUnusable(f"{path}: {error}") from error


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / "journal.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalUnusable(f"{folder}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise JournalUnusable(f"{folder}: another remediator is running on this journal") from error
    return lock
