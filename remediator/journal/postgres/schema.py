"""The tables of the journal in PostgreSQL; every one has a shard, for each shard is a journal of its own."""

from typing import LiteralString

import psycopg

from remediator.journal.chain import Head
from remediator.journal.postgres.place import NAMESPACE, said
from remediator.journal.protocol import JournalUnusable
from remediator.journal.snapshot import Horizon

Session = psycopg.Connection[tuple[object, ...]]
# As in SQLite; what is new in a version is added in one transaction, for readers and writers of the one before too.
SCHEMA_VERSION = 2
_LOCK = 0x666C6D64
# Moments are compared as text, so their order must not be a language's.
_TABLES = """
CREATE SCHEMA IF NOT EXISTS fleetmend;
CREATE TABLE schema_version (version integer NOT NULL);
CREATE TABLE rows (
  shard text NOT NULL, kind text NOT NULL, id text NOT NULL, version bigint NOT NULL, body bytea NOT NULL,
  PRIMARY KEY (shard, kind, id)
);
CREATE TABLE entries (
  shard text NOT NULL, seq bigint NOT NULL, at text COLLATE "C" NOT NULL, kind text NOT NULL, id text NOT NULL,
  subject text NOT NULL, body bytea NOT NULL, PRIMARY KEY (shard, seq)
);
CREATE INDEX entries_kind ON entries (shard, kind, seq);
CREATE INDEX entries_id ON entries (shard, id);
CREATE TABLE changes (
  shard text NOT NULL, seq bigint NOT NULL, kind text NOT NULL, id text NOT NULL, version bigint NOT NULL,
  body bytea, PRIMARY KEY (shard, seq)
);
CREATE TABLE commits (
  shard text NOT NULL, number bigint NOT NULL, at text COLLATE "C" NOT NULL, term bigint NOT NULL,
  last_entry bigint NOT NULL, last_change bigint NOT NULL, hash bytea NOT NULL, signature bytea NOT NULL,
  leaves bytea NOT NULL, PRIMARY KEY (shard, number)
);
CREATE TABLE base (
  shard text NOT NULL, kind text NOT NULL, id text NOT NULL, version bigint NOT NULL, body bytea NOT NULL,
  PRIMARY KEY (shard, kind, id)
);
CREATE TABLE horizon (
  shard text PRIMARY KEY, number bigint NOT NULL, at text NOT NULL, term bigint NOT NULL, last_entry bigint NOT NULL,
  last_change bigint NOT NULL, hash bytea NOT NULL, head_signature bytea NOT NULL, state bytea NOT NULL,
  signature bytea NOT NULL
);
CREATE TABLE leases (
  shard text PRIMARY KEY, holder text NOT NULL, term bigint NOT NULL, until timestamptz NOT NULL
);
"""
# Beside the journals, for all shards: of no journal's chain, and nothing that a replay needs.
_COMMONS = """
CREATE TABLE IF NOT EXISTS candidates (
  holder text PRIMARY KEY, name text NOT NULL, url text NOT NULL, prefer text[] NOT NULL,
  since timestamptz NOT NULL, seen timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS spoken (
  shard text PRIMARY KEY, term bigint NOT NULL, at timestamptz NOT NULL, body bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS shares (
  budget text NOT NULL, shard text NOT NULL, held integer NOT NULL, wants boolean NOT NULL,
  PRIMARY KEY (budget, shard)
);
CREATE TABLE IF NOT EXISTS freezes (
  one boolean PRIMARY KEY CHECK (one), at timestamptz NOT NULL, statement bytea NOT NULL
);
"""
_INSERT_HORIZON: LiteralString = "INSERT INTO horizon VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
# Texts as bytes, which is what the chain is made of.
SELECT_CHANGES: LiteralString = (
    "SELECT seq, convert_to(kind, 'UTF8'), convert_to(id, 'UTF8'), version, body FROM changes"
)
SELECT_LINES: LiteralString = (
    "SELECT seq, convert_to(at, 'UTF8'), convert_to(kind, 'UTF8'), convert_to(id, 'UTF8'),"
    " convert_to(subject, 'UTF8'), body FROM entries"
)
SELECT_BASE: LiteralString = "SELECT convert_to(kind, 'UTF8'), convert_to(id, 'UTF8'), version, body FROM base"
SELECT_ROWS: LiteralString = "SELECT convert_to(kind, 'UTF8'), convert_to(id, 'UTF8'), version, body FROM rows"


def prepare(db: Session, shard: str, fresh: Horizon) -> None:
    """Make the tables if nobody has, and the shard's horizon.

    Raises:
        JournalUnusable: written by a newer version, or we may not.
    """
    try:
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if db.execute("SELECT to_regclass(%s)", (f"{NAMESPACE}.schema_version",)).fetchone() == (None,):
                db.execute(_TABLES)
                db.execute("INSERT INTO schema_version VALUES (%s)", (SCHEMA_VERSION,))
            check_version(db)
            if db.execute("SELECT to_regclass(%s)", (f"{NAMESPACE}.freezes",)).fetchone() == (None,):
                db.execute(_COMMONS)
            # Whoever came first may have had no key.
            signs = "SET signature = excluded.signature WHERE horizon.number = 0 AND horizon.signature = ''"
            db.execute(f"{_INSERT_HORIZON} ON CONFLICT (shard) DO UPDATE {signs}", _values(shard, fresh))
    except psycopg.Error as error:
        raise JournalUnusable(f"journal: {said(error)}") from error


def check_version(db: Session) -> None:
    """JournalUnusable if this is a journal of a newer version."""
    found = db.execute("SELECT max(version) FROM schema_version").fetchone()
    if found is None or not isinstance(found[0], int) or found[0] > SCHEMA_VERSION:
        told = f"schema {found and found[0]}, this one knows {SCHEMA_VERSION}"
        raise JournalUnusable(f"journal: written by a newer version ({told})")


def replace_horizon(db: Session, shard: str, horizon: Horizon) -> None:
    db.execute("DELETE FROM horizon WHERE shard = %s", (shard,))
    db.execute(_INSERT_HORIZON, _values(shard, horizon))


def _values(shard: str, horizon: Horizon) -> tuple[object, ...]:
    head = horizon.head
    of_head = (head.number, head.at, head.term, head.last_entry, head.last_change, head.hash, head.signature)
    return shard, *of_head, horizon.state, horizon.signature


def read_horizon(db: Session, shard: str) -> Horizon:
    found = db.execute(
        "SELECT number, at, term, last_entry, last_change, hash, head_signature, state, signature"
        " FROM horizon WHERE shard = %s",
        (shard,),
    ).fetchone()
    if found is None:
        raise JournalUnusable(f"journal: there is no shard {shard!r}")
    *head, state, signature = found
    return Horizon(Head(*head), state, signature)  # type: ignore[arg-type]


def read_head(db: Session, shard: str) -> Head:
    """The last commit's, or the horizon's where there is none."""
    found = db.execute(
        "SELECT number, at, term, last_entry, last_change, hash, signature"
        " FROM commits WHERE shard = %s ORDER BY number DESC LIMIT 1",
        (shard,),
    ).fetchone()
    return Head(*found) if found else read_horizon(db, shard).head  # type: ignore[arg-type]
