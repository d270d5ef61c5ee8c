"""How full the disk of PostgreSQL is, where that can be known: SQL has no word for it.

An operator's own function ``fleetmend.free_share()`` says it, a share from 0 to 1; else a server on this very host,
reached by its unix socket, is asked where its data are. Of any other it is not known, and people are told so.
"""

from pathlib import Path

import psycopg

from remediator.journal.postgres.place import NAMESPACE
from remediator.journal.postgres.schema import Session
from remediator.journal.reserve import free_share as free_share_of_folder

UNKNOWN = "how full PostgreSQL's disk is cannot be known from here: see fleetmend.free_share()"


def free_share(db: Session) -> float | None:
    """The share of its disk that is free; None where nobody says."""
    function = f"{NAMESPACE}.free_share"
    if db.execute("SELECT to_regprocedure(%s)", (f"{function}()",)).fetchone() != (None,):
        return _share(db.execute(f"SELECT {function}()::float8".encode()).fetchone())
    if not db.info.host.startswith("/"):
        return None
    try:
        found = db.execute("SELECT current_setting('data_directory')").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return free_share_of_folder(Path(str(found[0]))) if found else None


def _share(found: tuple[object, ...] | None) -> float | None:
    """What is no share tells nothing."""
    value = found[0] if found else None
    return value if isinstance(value, float) and 0 <= value <= 1 else None
