"""Where a journal in PostgreSQL is: an address without a password, and the file that holds it."""

from dataclasses import dataclass
from pathlib import Path

import psycopg

from remediator.journal.protocol import JournalUnusable
from remediator.model.errors import BadInput, TransientError
from remediator.wire.keys import read_private

NAMESPACE = "fleetmend"
_SECONDS = 3
# Whoever sleeps within a transaction must not hold its locks against everybody else.
_OPTIONS = f"-c search_path={NAMESPACE} -c idle_in_transaction_session_timeout=2s -c lock_timeout=4s"


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """``url`` is ``postgresql://user@host:port/database`` or what else libpq knows, without a password."""

    url: str
    password_file: Path | None = None

    def connect(self, name: str, seconds: int = _SECONDS) -> psycopg.Connection[tuple[object, ...]]:
        """A session, in autocommit, that says who it is; given up after that many seconds.

        Raises:
            TransientError: the database cannot be reached, or refuses us.
            BadInput: the password file cannot be used.
        """
        password = read_private(self.password_file).decode().strip() if self.password_file else None
        try:
            return psycopg.connect(
                self.url,
                autocommit=True,
                password=password,
                application_name=name,
                options=_OPTIONS,
                connect_timeout=seconds,
                keepalives_idle=seconds,
                keepalives_interval=1,
                keepalives_count=seconds,
                tcp_user_timeout=seconds * 1000,
            )
        except psycopg.Error as error:
            raise TransientError(f"journal: {said(error)}") from error

    def reached(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        """The same for a start, which cannot wait.

        Raises:
            JournalUnusable: with one clear sentence.
        """
        try:
            return self.connect(name)
        except (TransientError, BadInput) as error:
            raise JournalUnusable(str(error)) from error


def ended(error: psycopg.Error) -> bool:
    """Whether the session is gone with the error; else the database has only refused, and undone the transaction."""
    return error.diag.severity_nonlocalized not in ("ERROR", "WARNING")


def said(error: psycopg.Error) -> str:
    """What the database said, on one line."""
    text = " ".join(str(error).split())
    return text or type(error).__name__
