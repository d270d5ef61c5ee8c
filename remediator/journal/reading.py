"""The journal of a remediator that may be running: read only, without its lock."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from remediator.journal import codec
from remediator.journal.protocol import Entry, JournalUnusable
from remediator.journal.snapshot import PREFIX, line_of
from remediator.journal.state import Member

_COLUMNS = "SELECT at, kind, id, subject, body FROM entries"
# A question with ? for its values; answers its lines.
Ask = Callable[[str, tuple[object, ...]], Iterator[tuple[Any, ...]]]


class JournalReader:
    """One reader of a journal; each call sees what was committed when it began.

    ``chained`` is not set for one of the version that had no chain, of which nothing was ever pruned.
    """

    def __init__(self, ask: Ask, *, chained: bool = True) -> None:
        self._ask = ask
        self._chained = chained

    def between(self, kinds: Sequence[str], since: datetime, until: datetime) -> Iterator[Entry]:
        """Entries of those kinds with ``since < at <= until``, in the order in which they were written."""
        where = f"kind IN ({','.join('?' * len(kinds))}) AND at > ? AND at <= ? ORDER BY seq"
        return self._entries(f"{_COLUMNS} WHERE {where}", (*kinds, since.isoformat(), until.isoformat()))

    def last_before(self, kind: str, at: datetime) -> Iterator[Entry]:
        """The newest entry of that kind about each subject that is not after ``at``; of what was pruned the last."""
        newest = "SELECT max(seq) FROM entries WHERE kind = ? AND at <= ? GROUP BY subject"
        found = self._entries(f"{_COLUMNS} WHERE seq IN ({newest}) ORDER BY seq", (kind, at.isoformat()))
        later = {entry.subject: entry for entry in found}
        for entry in self._standing(kind):
            if entry.subject not in later and entry.at <= at:
                yield entry
        yield from later.values()

    def begins(self) -> datetime | None:
        """The newest moment of what was pruned; None if nothing was."""
        if not self._chained:
            return None
        (at,) = next(self._ask("SELECT at FROM horizon", ()), ("",))
        return datetime.fromisoformat(at) if at else None

    def rows(self, kind: str) -> dict[str, Any]:
        """Every row of a kind as it is now."""
        found = self._ask("SELECT id, body FROM rows WHERE kind = ?", (kind,))
        return {identifier: codec.decode(kind, body) for identifier, body in found}

    def _standing(self, kind: str) -> Iterator[Entry]:
        """The last entry about each subject, of those that were pruned, in the order in which they were written."""
        if not self._chained:
            return
        key = PREFIX + kind.encode()
        found = self._ask("SELECT id, version, body FROM base WHERE kind = ? ORDER BY version", (key.decode(),))
        for identifier, version, body in found:
            yield codec.decode_entry(line_of(Member(key, identifier.encode(), version, body)))

    def _entries(self, text: str, values: tuple[object, ...]) -> Iterator[Entry]:
        for at, kind, identifier, subject, body in self._ask(text, values):
            yield Entry(datetime.fromisoformat(at), kind, identifier, subject, codec.decode_body(body))


@contextmanager
def reading(folder: Path) -> Iterator[JournalReader]:
    """Open the journal for reading.

    Raises:
        JournalUnusable: it is not there, or cannot be read.
    """
    path = folder / "journal.db"
    if not path.is_file():
        raise JournalUnusable(f"{path}: there is no journal")

    def ask(text: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            # Not `yield from`: that would close the cursor, perhaps after its database.
            for row in db.execute(text, values):  # noqa: UP028
                yield row
        except sqlite3.Error as error:
            raise JournalUnusable(f"{path}: {error}") from error

    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise JournalUnusable(f"{path}: {error}") from error
    try:
        (schema,) = next(ask("PRAGMA user_version", ()))
        yield JournalReader(ask, chained=schema > 1)
    finally:
        db.close()
