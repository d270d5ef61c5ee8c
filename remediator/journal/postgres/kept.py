"""A shard's journal in PostgreSQL as it lies there, for whoever checks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg

from remediator.journal.chain import Change, Head, Line
from remediator.journal.postgres.place import PostgresPlace, said
from remediator.journal.postgres.schema import (
    SELECT_BASE,
    SELECT_CHANGES,
    SELECT_LINES,
    SELECT_ROWS,
    Session,
    check_version,
    read_horizon,
)
from remediator.journal.protocol import JournalUnusable
from remediator.journal.snapshot import Horizon
from remediator.journal.state import Member

_AT_ONCE = 2000


class PostgresKept:
    """All at one moment: everything is read in one transaction, a few thousand lines at a time."""

    def __init__(self, db: Session, shard: str) -> None:
        self.shard = shard
        self._db = db

    def horizon(self) -> Horizon:
        return read_horizon(self._db, self.shard)

    def base(self) -> Iterator[Member]:
        return map(Member._make, self._ask("base", f"{SELECT_BASE} WHERE shard = %s"))

    def commits(self) -> Iterator[tuple[Head, bytes]]:
        asked: LiteralString = (
            "SELECT number, at, term, last_entry, last_change, hash, signature, leaves FROM commits"
            " WHERE shard = %s ORDER BY number"
        )
        for *head, leaves in self._ask("commits", asked):
            yield Head(*head), leaves

    def lines(self) -> Iterator[Line]:
        return map(Line._make, self._ask("lines", f"{SELECT_LINES} WHERE shard = %s ORDER BY seq"))

    def changes(self) -> Iterator[Change]:
        return map(Change._make, self._ask("changes", f"{SELECT_CHANGES} WHERE shard = %s ORDER BY seq"))

    def current(self) -> Iterator[Member]:
        return map(Member._make, self._ask("current", f"{SELECT_ROWS} WHERE shard = %s"))

    def _ask(self, name: str, text: LiteralString) -> Iterator[Any]:
        with self._db.cursor(name) as cursor:
            cursor.itersize = _AT_ONCE
            yield from cursor.execute(text, (self.shard,))


@contextmanager
def kept_at(place: PostgresPlace, shard: str) -> Iterator[PostgresKept]:
    """That shard's journal as it is now.

    Raises:
        JournalUnusable: it cannot be reached or read, or is of a newer version.
    """
    db = place.reached("fleetmend verify")
    try:
        with db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # Looking takes its time, between two questions too.
            db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            check_version(db)
            yield PostgresKept(db, shard)
    except psycopg.Error as error:
        raise JournalUnusable(f"journal: {said(error)}") from error
    finally:
        db.close()
