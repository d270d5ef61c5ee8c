"""The journal in one SQLite file: WAL, synchronous FULL, one writer, locked against a second remediator."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from remediator.journal import codec
from remediator.journal.protocol import Conflict, Entry, JournalUnusable, Row, Stored
from remediator.model.errors import TransientError

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE rows (
  kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
  subject TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX entries_kind ON entries (kind, seq);
CREATE INDEX entries_id ON entries (id);
"""
_TABLES = {"rows", "entries"}


class SqliteJournal:
    """Opens (or creates) ``folder/journal.db``.

    Raises:
        JournalUnusable: with one clear sentence; nothing was changed.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = _locked(folder)
        try:
            self._db = _opened(folder / "journal.db")
        except sqlite3.Error as error:
            os.close(self._lock)
            raise JournalUnusable(f"{folder / 'journal.db'}: {error}") from error
        except JournalUnusable:
            os.close(self._lock)
            raise
        self._count = int(self._db.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0])

    def rows(self) -> dict[str, dict[str, Stored]]:
        found: dict[str, dict[str, Stored]] = {kind: {} for kind in codec.KINDS}
        for kind, identifier, version, body in self._db.execute("SELECT kind, id, version, body FROM rows"):
            found[kind][identifier] = Stored(version, codec.decode(kind, body))
        return found

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        with self._transaction() as db:
            for row in rows:
                _write(db, row)
            db.executemany(
                "INSERT INTO entries (at, kind, id, subject, body) VALUES (?, ?, ?, ?, ?)",
                [(e.at.isoformat(), e.kind, e.id, e.subject, codec.encode(e.body)) for e in entries],
            )
        self._count += len(entries)

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
        return self._count

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
        except sqlite3.OperationalError as error:
            raise TransientError(f"journal: {error}") from error
        finally:
            # Whatever went wrong, no transaction may stay open: the next one could not begin.
            self._rollback()

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _write(db: sqlite3.Connection, row: Row) -> None:
    if row.value is None:
        done = db.execute(
            "DELETE FROM rows WHERE kind = ? AND id = ? AND version = ?", (row.kind, row.id, row.version)
        )
    elif row.version == 0:
        body = codec.encode(row.value)
        done = db.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, 1, ?)", (row.kind, row.id, body))
    else:
        body = codec.encode(row.value)
        done = db.execute(
            "UPDATE rows SET version = version + 1, body = ? WHERE kind = ? AND id = ? AND version = ?",
            (body, row.kind, row.id, row.version),
        )
    if done.rowcount != 1:
        raise Conflict(f"{row.kind} {row.id}: not at version {row.version}")


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


def _opened(path: Path) -> sqlite3.Connection:
    # autocommit: transactions are opened by hand. One executor thread writes, others only read.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        db.close()
        raise JournalUnusable(f"{path}: written by a newer version (schema {found}, this one knows {SCHEMA_VERSION})")
    if found == 0:
        db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= _TABLES:
        raise JournalUnusable(f"{path}: not a journal of ours (tables {sorted(_TABLES - tables)} are missing)")
    return db
