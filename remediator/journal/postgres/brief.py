"""A session for short questions: made when it is first needed, and anew when it broke. For one thread."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from remediator.journal.postgres.place import PostgresPlace, said
from remediator.journal.postgres.schema import Session
from remediator.model.errors import TransientError

_SECONDS = 2


class BriefSession:
    """Questions end after two seconds; ``name`` is what the database and our errors call the session."""

    def __init__(self, place: PostgresPlace, name: str) -> None:
        self._place = place
        self._name = name
        self._db: Session | None = None

    @contextmanager
    def __call__(self) -> Iterator[Session]:
        """The session, for a block.

        Raises:
            TransientError: the database cannot be asked now.
        """
        try:
            if self._db is None or self._db.closed:
                self._db = self._place.connect(f"fleetmend {self._name}", _SECONDS)
                self._db.execute(f"SET statement_timeout = '{_SECONDS}s'")
            yield self._db
        except psycopg.Error as error:
            # Whatever broke, the next one begins with a session that is sound.
            self.close()
            raise TransientError(f"{self._name}: {said(error)}") from error

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
