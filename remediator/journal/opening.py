"""The journal that the settings name."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from remediator.journal.lease import Lease
from remediator.journal.protocol import Journal, JournalUnusable
from remediator.journal.sqlite import SqliteJournal
from remediator.wire.keys import load_signing_key

if TYPE_CHECKING:
    from remediator.journal.postgres.commons import PostgresCommons
    from remediator.journal.postgres.leases import Leases

RESERVE_BYTES = 64 << 20


def open_journal(data: Path) -> Journal:
    """The one in ``data``, signed by the key there.

    Raises:
        JournalUnusable: with one clear sentence; nothing was changed.
        BadInput: the signing key is damaged.
    """
    return SqliteJournal(data, lambda: load_signing_key(data / "signing.key"), RESERVE_BYTES)


def open_leases(url: str, password_file: Path | None, shard: str = "fleet") -> "Leases":
    """Where leases of the journal at ``url`` are given; its tables are made if they are not there.

    Raises:
        JournalUnusable: with one clear sentence.
    """
    _require_client()
    # Imported late: who keeps the journal in SQLite needs no client of PostgreSQL.
    from remediator.journal.postgres.journal import PostgresJournal
    from remediator.journal.postgres.leases import Leases
    from remediator.journal.postgres.place import PostgresPlace

    place = PostgresPlace(url, password_file)
    PostgresJournal(place, shard).close()
    return Leases(place)


def open_commons(url: str, password_file: Path | None) -> "PostgresCommons":
    """What the remediators share beside the journals at ``url``; asked for the first time when it is used."""
    from remediator.journal.postgres.commons import PostgresCommons
    from remediator.journal.postgres.place import PostgresPlace

    return PostgresCommons(PostgresPlace(url, password_file))


def open_led(data: Path, url: str, password_file: Path | None, lease: Lease) -> Journal:
    """The journal at ``url``, to be written under this lease.

    Raises:
        JournalUnusable, BadInput: as ``open_journal``.
    """
    from remediator.journal.postgres.journal import PostgresJournal
    from remediator.journal.postgres.place import PostgresPlace

    signer = load_signing_key(data / "signing.key")
    journal = PostgresJournal(PostgresPlace(url, password_file), lease.shard, signer)
    journal.lead(lease)
    return journal


def _require_client() -> None:
    if importlib.util.find_spec("psycopg") is None:
        raise JournalUnusable("journal: PostgreSQL needs the extra `postgres`: pip install 'fleetmend[postgres]'")
