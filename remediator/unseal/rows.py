"""The journal's rows as the unsealer reads them: anew for each request, and nothing else of the journal."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from remediator.model.errors import TransientError
from remediator.wire.keys import read_private

Body = dict[str, Any]
Rows = Callable[[str, str], Body | None]
_SECONDS = 3


@dataclass(frozen=True, slots=True)
class JournalPlace:
    """``journal`` is the file of SQLite, or the address of a PostgreSQL database in which ``shard`` is ours."""

    journal: str
    password_file: Path | None = None
    shard: str = ""

    @property
    def words(self) -> list[str]:
        """The same as arguments of the process."""
        secret = ["--password-file", str(self.password_file)] if self.password_file else []
        return ["--journal", self.journal, "--shard", self.shard, *secret]


@contextmanager
def reading(place: JournalPlace) -> Iterator[Rows]:
    """A row of a kind by its id, None where there is none.

    Raises:
        TransientError: the journal cannot be read now.
        BadInput: the password file cannot be used.
    """
    opened = _in_postgres if place.journal.startswith(("postgresql://", "postgres://")) else _in_sqlite
    with opened(place) as rows:
        yield rows


@contextmanager
def _in_sqlite(place: JournalPlace) -> Iterator[Rows]:
    try:
        database = sqlite3.connect(f"{Path(place.journal).absolute().as_uri()}?mode=ro", uri=True)
        try:
            asked = "SELECT body FROM rows WHERE kind = ? AND id = ?"
            yield lambda kind, key: _body(database.execute(asked, (kind, key)).fetchone())
        finally:
            database.close()
    except sqlite3.Error as error:
        raise TransientError(f"the unsealer cannot read the journal: {error}") from error


@contextmanager
def _in_postgres(place: JournalPlace) -> Iterator[Rows]:
    # Imported late: who keeps the journal in SQLite needs no client of PostgreSQL.
    import psycopg

    password = read_private(place.password_file).decode().strip() if place.password_file else None
    asked = "SELECT body FROM fleetmend.rows WHERE shard = %s AND kind = %s AND id = %s"
    name = "fleetmend unsealer"
    try:
        with psycopg.connect(place.journal, password=password, connect_timeout=_SECONDS, application_name=name) as db:
            yield lambda kind, key: _body(db.execute(asked, (place.shard, kind, key)).fetchone())
    except psycopg.Error as error:
        told = " ".join(str(error).split())
        raise TransientError(f"the unsealer cannot read the journal: {told}") from error


def _body(found: tuple[Any, ...] | None) -> Body | None:
    return msgspec.json.decode(found[0], type=Body) if found else None
