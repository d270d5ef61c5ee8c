"""A shard's journal in PostgreSQL for those who only read, as `reading` is for SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from remediator.journal.postgres.place import PostgresPlace, said
from remediator.journal.postgres.schema import check_version
from remediator.journal.protocol import JournalUnusable
from remediator.journal.reading import JournalReader

_TABLES = ("rows", "entries", "base", "horizon")


@contextmanager
def reading_at(place: PostgresPlace, shard: str) -> Iterator[JournalReader]:
    """Open that shard's journal for reading.

    Raises:
        JournalUnusable: it cannot be reached or read, or is of a newer version.
    """

    def ask(text: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
        query: Any = text.replace("?", "%s")
        try:
            yield from db.execute(query, values).fetchall()
        except psycopg.Error as error:
            raise JournalUnusable(f"journal: {said(error)}") from error

    db = place.reached("fleetmend reading")
    try:
        check_version(db)
        # The shard's tables under the names that they have in SQLite, for this session alone.
        for table in _TABLES:
            view = sql.SQL("CREATE TEMP VIEW {0} AS SELECT * FROM fleetmend.{0} WHERE shard = {1}")
            db.execute(view.format(sql.Identifier(table), sql.Literal(shard)))
        db.execute("SET search_path = pg_temp, fleetmend")
        yield JournalReader(ask)
    except psycopg.Error as error:
        raise JournalUnusable(f"journal: {said(error)}") from error
    finally:
        db.close()
