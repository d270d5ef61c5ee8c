"""The tables of the journal in SQLite, and how a journal of the version before becomes one of ours.

Schema 1 had rows and entries. Schema 2 adds the chain, which begins at the upgrade: the rows of then are its first
snapshot, the entries of then its first commits.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

from nacl.signing import SigningKey

from remediator.journal import codec
from remediator.journal.chain import Head, Line, linked
from remediator.journal.heads import sign_head
from remediator.journal.protocol import JournalUnusable
from remediator.journal.snapshot import Horizon, signed
from remediator.journal.state import EMPTY, Member, moved

SCHEMA_VERSION = 2
_FIRST = """
CREATE TABLE rows (
  kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
  subject TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX entries_kind ON entries (kind, seq);
CREATE INDEX entries_id ON entries (id);
"""
# What the second has more; one statement each, for a script would end our transaction.
_SECOND = (
    "CREATE TABLE changes (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL,"
    " version INTEGER NOT NULL, body BLOB)",
    "CREATE TABLE commits (number INTEGER PRIMARY KEY, at TEXT NOT NULL, term INTEGER NOT NULL,"
    " last_entry INTEGER NOT NULL, last_change INTEGER NOT NULL, hash BLOB NOT NULL, signature BLOB NOT NULL,"
    " leaves BLOB NOT NULL)",
    "CREATE TABLE base (kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY (kind, id)) WITHOUT ROWID",
    "CREATE TABLE horizon (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, at TEXT NOT NULL,"
    " term INTEGER NOT NULL, last_entry INTEGER NOT NULL, last_change INTEGER NOT NULL, hash BLOB NOT NULL,"
    " head_signature BLOB NOT NULL, state BLOB NOT NULL, signature BLOB NOT NULL)",
)
_TABLES = {"rows", "entries", "changes", "commits", "base", "horizon"}
_ENTRIES_A_COMMIT = 1000


def open_database(path: Path, signer: SigningKey | None) -> sqlite3.Connection:
    """The journal's database in WAL mode, made or migrated where that is due.

    Raises:
        JournalUnusable: newer than we are, or not a journal of ours; nothing was changed.
    """
    # autocommit: transactions are opened by hand. One executor thread writes, others only read.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with ExitStack() as failing:
        failing.callback(db.close)
        path.chmod(0o600)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        _brought_up(db, path, signer)
        failing.pop_all()
    return db


def _brought_up(db: sqlite3.Connection, path: Path, signer: SigningKey | None) -> None:
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        told = f"schema {found}, this one knows {SCHEMA_VERSION}"
        raise JournalUnusable(f"{path}: written by a newer version ({told})")
    if found == 0:
        # SQLite keeps schema and version in the file: all of it stands, or nothing.
        db.executescript(f"BEGIN; {_FIRST} PRAGMA user_version = 1; COMMIT;")
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    known = _TABLES if found == SCHEMA_VERSION else {"rows", "entries"}
    if not tables >= known:
        raise JournalUnusable(f"{path}: not a journal of ours (tables {sorted(known - tables)} are missing)")
    if found < SCHEMA_VERSION:
        _migrate(db, signer)


def _migrate(db: sqlite3.Connection, signer: SigningKey | None) -> None:
    """From 1 to 2 in one transaction: whoever is killed in it finds version 1 again."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in _SECOND:
            db.execute(statement)
        members = [Member(*row) for row in _history_rows(db)]
        db.executemany("INSERT INTO base VALUES (CAST(? AS TEXT), CAST(? AS TEXT), ?, ?)", members)
        horizon = signed(Horizon(Head(), moved(EMPTY, (), members)), signer, "")
        write_horizon(db, horizon)
        _chain_entries(db, signer)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _history_rows(db: sqlite3.Connection) -> Iterator[tuple[bytes, bytes, int, bytes]]:
    for kind, identifier, version, body in db.execute("SELECT kind, id, version, body FROM rows"):
        yield kind.encode(), identifier.encode(), version, codec.history_form(kind, body)


def _chain_entries(db: sqlite3.Connection, signer: SigningKey | None) -> None:
    # Numbers without gaps are what shows that none is missing.
    db.execute("CREATE TEMP TABLE numbers AS SELECT row_number() OVER (ORDER BY seq) AS due, seq FROM entries")
    db.execute("UPDATE entries SET seq = due FROM numbers WHERE numbers.seq = entries.seq AND due <> numbers.seq")
    db.execute("DROP TABLE numbers")
    head = Head()
    texts = "SELECT seq, CAST(at AS BLOB), CAST(kind AS BLOB), CAST(id AS BLOB), CAST(subject AS BLOB), body"
    entries = db.execute(f"{texts} FROM entries ORDER BY seq")
    while lines := [Line(*row) for row in islice(entries, _ENTRIES_A_COMMIT)]:
        head, leaves = linked(head, lines, [], max(line.at for line in lines).decode(), 0)
        head = replace(head, signature=sign_head(signer, "", head) if signer else b"")
        write_commit(db, head, leaves)


def write_commit(db: sqlite3.Connection, head: Head, leaves: bytes) -> None:
    values = (head.number, head.at, head.term, head.last_entry, head.last_change, head.hash, head.signature, leaves)
    db.execute("INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def write_horizon(db: sqlite3.Connection, horizon: Horizon) -> None:
    head = horizon.head
    of_head = (head.number, head.at, head.term, head.last_entry, head.last_change, head.hash, head.signature)
    values = (*of_head, horizon.state, horizon.signature)
    db.execute("INSERT OR REPLACE INTO horizon VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def read_horizon(db: sqlite3.Connection) -> Horizon:
    columns = "number, at, term, last_entry, last_change, hash, head_signature, state, signature"
    *head, state, signature = db.execute(f"SELECT {columns} FROM horizon").fetchone()  # noqa: S608 - our own words
    return Horizon(Head(*head), state, signature)


def read_head(db: sqlite3.Connection) -> Head:
    """The last commit's, or the horizon's where there is none."""
    columns = "number, at, term, last_entry, last_change, hash, signature"
    found = db.execute(f"SELECT {columns} FROM commits ORDER BY number DESC LIMIT 1").fetchone()  # noqa: S608
    return Head(*found) if found else read_horizon(db).head
