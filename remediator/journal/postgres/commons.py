"""The commons in PostgreSQL: each change by a leader is fenced by its lease, in the same transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import msgspec

from remediator.journal.chain import Head
from remediator.journal.commons import Candidate, Settling, Stake, Standing, View, Word
from remediator.journal.lease import Lease
from remediator.journal.postgres.brief import BriefSession
from remediator.journal.postgres.place import PostgresPlace
from remediator.journal.postgres.schema import Session, read_head
from remediator.journal.protocol import LeaseLost

# Whoever settles what is whose waits for whoever does.
_LOCK = 0x666C6D73
_SEEN: LiteralString = """
INSERT INTO candidates (holder, name, url, prefer, since, seen)
VALUES (%s, %s, %s, %s, clock_timestamp(), clock_timestamp())
ON CONFLICT (holder) DO UPDATE SET url = excluded.url, prefer = excluded.prefer, seen = excluded.seen
"""
_CANDIDATES: LiteralString = """
SELECT holder, name, url, prefer, extract(epoch FROM clock_timestamp() - since)::float8,
       extract(epoch FROM clock_timestamp() - seen)::float8
FROM candidates ORDER BY name, holder
"""
_LEADERS: LiteralString = (
    "SELECT shard, holder, extract(epoch FROM until - clock_timestamp())::float8 FROM leases ORDER BY shard"
)
_FREEZE: LiteralString = """
INSERT INTO freezes (one, at, statement) VALUES (true, %s::timestamptz, %s)
ON CONFLICT (one) DO UPDATE SET at = excluded.at, statement = excluded.statement WHERE freezes.at < excluded.at
"""
_TELL: LiteralString = """
INSERT INTO spoken (shard, term, at, body) VALUES (%s, %s, clock_timestamp(), %s)
ON CONFLICT (shard) DO UPDATE SET term = excluded.term, at = excluded.at, body = excluded.body
"""
_WORDS: LiteralString = (
    "SELECT shard, extract(epoch FROM clock_timestamp() - at)::float8, body FROM spoken ORDER BY shard"
)
_STAKE: LiteralString = """
INSERT INTO shares (budget, shard, held, wants) VALUES (%s, %s, %s, %s)
ON CONFLICT (budget, shard) DO UPDATE SET held = excluded.held, wants = excluded.wants
"""
_NONE: LiteralString = "DELETE FROM shares WHERE budget = %s AND shard = %s"
_FENCE: LiteralString = (
    "SELECT 1 FROM leases WHERE shard = %s AND holder = %s AND term = %s AND until > clock_timestamp() FOR SHARE"
)


class PostgresCommons:
    """A session of its own; made anew when it is gone."""

    def __init__(self, place: PostgresPlace) -> None:
        self._session = BriefSession(place, "commons")

    def beat(self, candidate: Candidate) -> View:
        """Say that this one is up, and read who else is, who leads, and whether all is frozen."""
        with self._session() as db:
            with db.transaction():
                # Nobody relies on this one for longer than a second: it waits for no disk and no standby.
                db.execute("SET LOCAL synchronous_commit = off")
                db.execute(_SEEN, (candidate.holder, candidate.name, candidate.url, list(candidate.prefer)))
                db.execute("DELETE FROM candidates WHERE seen < clock_timestamp() - interval '1 hour'")
            up: Any = db.execute(_CANDIDATES).fetchall()
            leaders: Any = db.execute(_LEADERS).fetchall()
            freeze: Any = db.execute("SELECT statement FROM freezes").fetchone()
        found = tuple(Candidate(h, name, url, tuple(prefer), since, age) for h, name, url, prefer, since, age in up)
        standing = {shard: Standing(holder, left) for shard, holder, left in leaders}
        return View(found, standing, msgspec.json.decode(freeze[0], type=dict[str, Any]) if freeze else {})

    def freeze(self, statement: Mapping[str, Any], at: str) -> None:
        """For every remediator to read; of two statements the younger stays."""
        with self._session() as db:
            db.execute(_FREEZE, (at, msgspec.json.encode(statement)))

    def tell(self, lease: Lease, body: bytes) -> None:
        with self._session() as db, db.transaction():
            db.execute("SET LOCAL synchronous_commit = off")
            _fence(db, lease)
            db.execute(_TELL, (lease.shard, lease.term, body))

    def words(self) -> Sequence[Word]:
        with self._session() as db:
            found: Any = db.execute(_WORDS).fetchall()
        return [Word(shard, age, bytes(body)) for shard, age, body in found]

    def head(self, shard: str) -> Head:
        """The end of a shard's chain."""
        with self._session() as db:
            return read_head(db, shard)

    def rows(self, shard: str, kind: str) -> Sequence[bytes]:
        """Every row of a kind of a shard's journal, as it is there."""
        with self._session() as db:
            found: Any = db.execute("SELECT body FROM rows WHERE shard = %s AND kind = %s", (shard, kind)).fetchall()
        return [bytes(body) for (body,) in found]

    def settle(self, lease: Lease, settling: Settling) -> Mapping[str, Stake]:
        """Move what is this shard's; in force once it is durable."""
        with self._session() as db, db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            _fence(db, lease)
            known, now = _stakes(db)
            after = settling(known, now)
            for budget, stake in after.items():
                if known.get(budget, {}).get(lease.shard, Stake()) == stake:
                    continue
                if stake == Stake():
                    # Apps come and go: their rows would stay for ever.
                    db.execute(_NONE, (budget, lease.shard))
                else:
                    db.execute(_STAKE, (budget, lease.shard, stake.held, stake.wants))
        return after

    def close(self) -> None:
        self._session.close()


def _fence(db: Session, lease: Lease) -> None:
    if db.execute(_FENCE, (lease.shard, lease.holder, lease.term)).fetchone() is None:
        raise LeaseLost(f"the lease of {lease.shard!r} (term {lease.term}) is lost")


def _stakes(db: Session) -> tuple[dict[str, dict[str, Stake]], float]:
    found: defaultdict[str, dict[str, Stake]] = defaultdict(dict)
    rows: Any = db.execute("SELECT budget, shard, held, wants FROM shares").fetchall()
    for budget, shard, held, wants in rows:
        found[budget][shard] = Stake(held, wants)
    clock: Any = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    return dict(found), float(clock[0])
