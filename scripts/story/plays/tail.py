"""A real remediator's journal, read while it is written, as commits of rows and entries."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from remediator.journal import codec
from remediator.journal.protocol import Entry, Row

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Commit:
    """Rows and entries that were written together."""

    rows: tuple[Row, ...]
    entries: tuple[Entry, ...]


class Tail:
    """What was committed since the last look; ``reopen`` when another file lies in its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, dict[str, Any]] = {kind: {} for kind in codec.KINDS}
        self._last = (0, 0, 0)
        self.reopen()

    def reopen(self) -> None:
        """After a restored copy: go on where it ends, which may lie before what was read."""
        self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5)
        asked = "SELECT number, last_change, last_entry FROM commits WHERE number <= ? ORDER BY number DESC LIMIT 1"
        found = self._db.execute(asked, (self._last[0],)).fetchone()
        self._last = found or (0, 0, 0)
        if found:
            stored = self._db.execute("SELECT kind, id, version, body FROM rows").fetchall()
            for kind, rows in codec.decode_rows(stored).items():
                self._rows[kind] = {name: row.value for name, row in rows.items()}

    def news(self) -> Iterator[Commit]:
        """Each commit, the rows already folded in."""
        before, change, entry = self._last
        asked = "SELECT number, last_change, last_entry FROM commits WHERE number > ? ORDER BY number"
        for number, last_change, last_entry in self._db.execute(asked, (before,)).fetchall():
            rows = tuple(self._changes(change, last_change))
            for row in rows:
                self._fold(row)
            yield Commit(rows, tuple(self._entries(entry, last_entry)))
            change, entry = last_change, last_entry
            self._last = (number, change, entry)

    def _changes(self, after: int, last: int) -> Iterator[Row]:
        asked = "SELECT kind, id, version, body FROM changes WHERE seq > ? AND seq <= ? ORDER BY seq"
        for kind, name, version, body in self._db.execute(asked, (after, last)):
            if kind in codec.KINDS:
                yield Row(kind, name, version, None if body is None else codec.decode(kind, body))

    def _entries(self, after: int, last: int) -> Iterator[Entry]:
        asked = "SELECT at, kind, id, subject, body FROM entries WHERE seq > ? AND seq <= ? ORDER BY seq"
        for at, kind, name, subject, body in self._db.execute(asked, (after, last)):
            yield Entry(datetime.fromisoformat(at), kind, name, subject, codec.decode_body(body))

    def _fold(self, row: Row) -> None:
        if row.value is None:
            self._rows[row.kind].pop(row.id, None)
        else:
            self._rows[row.kind][row.id] = row.value

    def get(self, kind: type[T], identifier: str) -> T | None:
        found: T | None = self._rows[kind.__name__].get(identifier)
        return found

    def all(self, kind: type[T]) -> Mapping[str, T]:
        return self._rows[kind.__name__]
