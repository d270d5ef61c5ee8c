"""A session with PostgreSQL that is made anew when it is gone."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import TypeVar

import psycopg

from remediator.journal.postgres.place import PostgresPlace, ended, said
from remediator.journal.postgres.schema import Session
from remediator.journal.protocol import LeaseLost
from remediator.model.errors import TransientError

T = TypeVar("T")
_LOOKS, _PAUSE = 10, 0.05


class ShardSession:
    """The session of one shard's journal under ``name``; ``alone`` holds the shard by a lock that ends with it.

    Raises:
        JournalUnusable: the database cannot be reached.
        LeaseLost: another holds the shard.
    """

    def __init__(self, place: PostgresPlace, shard: str, name: str, *, alone: bool) -> None:
        self._place = place
        self._shard = shard
        self._alone = alone
        self.name = name
        self.over = False
        self._db = self._held(place.reached(name))

    def open(self) -> Session:
        """The one there is, if it is not known to be gone.

        Raises:
            TransientError: there is none, and none can be had now.
        """
        if self.over:
            raise TransientError("journal: broken off")
        if self._db.closed:
            self._db = self._held(self._place.connect(self.name))
        return self._db

    def ask(self, question: Callable[[Session], T]) -> T:
        """The answer to a question that changes nothing; asked again where the session was gone.

        Raises:
            TransientError: it cannot be answered now.
        """
        for last in (False, True):
            try:
                return question(self.open())
            except psycopg.Error as error:
                if ended(error):
                    self.close()
                if last or not ended(error):
                    raise TransientError(f"journal: {said(error)}") from error
        raise AssertionError

    def renew(self, name: str) -> None:
        """Leave this session behind for a new one under that name."""
        self.name = name
        self.close()

    def break_off(self) -> None:
        """Whatever is being asked ends with an error, and nothing is asked any more; from any thread."""
        self.over = True
        # psycopg waits for an answer on this socket: its end is the only word that reaches it.
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self._db.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._db.close()

    def _held(self, db: Session) -> Session:
        if not self._alone:
            return db
        key = int.from_bytes(sha256(f"fleetmend {self._shard}".encode()).digest()[:8], "big", signed=True)
        try:
            ours = db.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone() == (True,)
        except psycopg.Error as error:
            db.close()
            raise TransientError(f"journal: {said(error)}") from error
        if not ours:
            db.close()
            raise LeaseLost(f"journal: another remediator is running on shard {self._shard!r}")
        return db


def end_others(db: Session, name: str) -> None:
    """End every other session of that name; none is left when this returns.

    Raises:
        TransientError: one does not end.
    """
    others = "FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"
    for _ in range(_LOOKS):
        if not db.execute(f"SELECT pg_terminate_backend(pid) {others}", (name,)).fetchall():
            return
        time.sleep(_PAUSE)
    raise TransientError("journal: a session before this one does not end")
