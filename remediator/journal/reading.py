"""The journal of a remediator that may be running: read only, without its lock."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from remediator.journal import codec
from remediator.journal.protocol import Entry, JournalUnusable

_COLUMNS = "SELECT at, kind, id, subject, body FROM entries"


class JournalReader:
    """One reader of ``folder/journal.db``; each call sees what was committed when it began."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def between(self, kinds: Sequence[str], since: datetime, until: datetime) -> Iterator[Entry]:
        """Entries of those kinds with ``since < at <= until``, in the order in which they were written."""
        where = f"kind IN ({','.join('?' * len(kinds))}) AND at > ? AND at <= ? ORDER BY seq"
        return self._entries(f"{_COLUMNS} WHERE {where}", (*kinds, since.isoformat(), until.isoformat()))

    def last_before(self, kind: str, at: datetime) -> Iterator[Entry]:
        """The newest entry of that kind about each subject that is not after ``at``."""
        newest = "SELECT max(seq) FROM entries WHERE kind = ? AND at <= ? GROUP BY subject"
        return self._entries(f"{_COLUMNS} WHERE seq IN ({newest}) ORDER BY seq", (kind, at.isoformat()))

    def rows(self, kind: str) -> dict[str, Any]:
        """Every row of a kind as it is now."""
        found = self._ask("SELECT id, body FROM rows WHERE kind = ?", (kind,))
        return {identifier: codec.decode(kind, body) for identifier, body in found}

    def _entries(self, text: str, values: tuple[object, ...]) -> Iterator[Entry]:
        for at, kind, identifier, subject, body in self._ask(text, values):
            yield Entry(datetime.fromisoformat(at), kind, identifier, subject, codec.decode_body(body))

    def _ask(self, text: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(text, values)
        except sqlite3.Error as error:
            raise JournalUnusable(f"{self._path}: {error}") from error


@contextmanager
def reading(folder: Path) -> Iterator[JournalReader]:
    """Open the journal for reading.

    Raises:
        JournalUnusable: it is not there, or cannot be read.
    """
    path = folder / "journal.db"
    if not path.is_file():
        raise JournalUnusable(f"{path}: there is no journal")
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise JournalUnusable(f"{path}: {error}") from error
    try:
        yield JournalReader(db, path)
    finally:
        db.close()
