"""What a journal has kept, as it lies there: read by whoever checks it, without trusting any of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from remediator.journal.chain import Change, Head, Line
from remediator.journal.protocol import JournalUnusable
from remediator.journal.snapshot import Horizon
from remediator.journal.sqlite_schema import SCHEMA_VERSION
from remediator.journal.state import Member


class Kept(Protocol):
    """Everything in the order of its numbers; ``base`` is the snapshot, ``current`` the rows as they are used."""

    shard: str

    def horizon(self) -> Horizon: ...

    def base(self) -> Iterator[Member]: ...

    def commits(self) -> Iterator[tuple[Head, bytes]]: ...

    def lines(self) -> Iterator[Line]: ...

    def changes(self) -> Iterator[Change]: ...

    def current(self) -> Iterator[Member]: ...


class SqliteKept:
    """One reader of a journal in SQLite, all at one moment; texts stay bytes, for they may be damaged."""

    shard = ""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def horizon(self) -> Horizon:
        columns = "number, at, term, last_entry, last_change, hash, head_signature, state, signature"
        found = next(self._ask(f"SELECT {columns} FROM horizon"), None)  # noqa: S608 - our own words
        if found is None:
            raise JournalUnusable(f"{self._path}: the line of its snapshot is missing")
        *head, state, signature = found
        return Horizon(_head(head), state, signature)

    def base(self) -> Iterator[Member]:
        return map(Member._make, self._ask("SELECT kind, id, version, body FROM base"))

    def commits(self) -> Iterator[tuple[Head, bytes]]:
        columns = "number, at, term, last_entry, last_change, hash, signature, leaves"
        for *head, leaves in self._ask(f"SELECT {columns} FROM commits ORDER BY number"):  # noqa: S608
            yield _head(head), leaves

    def lines(self) -> Iterator[Line]:
        return map(Line._make, self._ask("SELECT seq, at, kind, id, subject, body FROM entries ORDER BY seq"))

    def changes(self) -> Iterator[Change]:
        return map(Change._make, self._ask("SELECT seq, kind, id, version, body FROM changes ORDER BY seq"))

    def current(self) -> Iterator[Member]:
        return map(Member._make, self._ask("SELECT kind, id, version, body FROM rows"))

    def _ask(self, text: str) -> Iterator[Any]:
        try:
            # Not `yield from`: that would close the cursor, perhaps after its database.
            for row in self._db.execute(text):  # noqa: UP028
                yield row
        except sqlite3.Error as error:
            raise JournalUnusable(f"{self._path}: {error}") from error


@contextmanager
def kept_in(folder: Path) -> Iterator[SqliteKept]:
    """The journal in that folder as it is now; a remediator may go on writing it.

    Raises:
        JournalUnusable: it is not there, cannot be read, or has no chain.
    """
    path = folder / "journal.db"
    if not path.is_file():
        raise JournalUnusable(f"{path}: there is no journal")
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise JournalUnusable(f"{path}: {error}") from error
    db.text_factory = bytes
    try:
        _check_schema(db, path)
        db.execute("BEGIN")
        yield SqliteKept(db, path)
    except sqlite3.Error as error:
        raise JournalUnusable(f"{path}: {error}") from error
    finally:
        db.close()


def _check_schema(db: sqlite3.Connection, path: Path) -> None:
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found < SCHEMA_VERSION:
        raise JournalUnusable(f"{path}: schema {found} has no chain; it begins when this version first runs on it")
    if found > SCHEMA_VERSION:
        raise JournalUnusable(f"{path}: written by a newer version (schema {found}, this one knows {SCHEMA_VERSION})")


def _head(columns: list[Any]) -> Head:
    number, at, *others = columns
    return Head(number, at.decode(errors="surrogateescape") if isinstance(at, bytes) else at, *others)
