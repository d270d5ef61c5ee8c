"""Who leads a shard: a row in PostgreSQL with an end, by the database's clock, and a term that only grows."""

from datetime import datetime

from remediator.journal.lease import Lease
from remediator.journal.postgres.brief import BriefSession
from remediator.journal.postgres.place import PostgresPlace
from remediator.journal.protocol import LeaseLost
from remediator.model.errors import TransientError

_TAKE = """
INSERT INTO leases AS l (shard, holder, term, until)
VALUES (%(shard)s, %(holder)s, 1, clock_timestamp() + %(length)s)
ON CONFLICT (shard) DO UPDATE SET
  holder = excluded.holder, until = excluded.until,
  term = l.term + CASE WHEN l.holder = excluded.holder AND l.until > clock_timestamp() THEN 0 ELSE 1 END
WHERE l.until <= clock_timestamp() OR l.holder = excluded.holder
RETURNING term, until
"""
_RENEW = """
UPDATE leases SET until = clock_timestamp() + make_interval(secs => %s)
WHERE shard = %s AND holder = %s AND term = %s AND until > clock_timestamp() RETURNING until
"""
_RELEASE = "UPDATE leases SET until = clock_timestamp() WHERE shard = %s AND holder = %s AND term = %s"
# Sessions of whoever led, of which one may sleep within a commit and hold the lease's row.
_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity, leases
WHERE application_name = left('fleetmend ' || shard || ' ' || holder, 63) AND shard = %s AND holder <> %s
  AND until <= clock_timestamp() AND pid <> pg_backend_pid()
"""


class Leases:
    """A session of its own, so that a long commit delays no renewal; synchronous, and for one thread."""

    def __init__(self, place: PostgresPlace) -> None:
        self._session = BriefSession(place, "leases")

    def take_lease(self, shard: str, holder: str, seconds: float) -> Lease | None:
        """The lease, or None while another holds it. The term is a new one unless the holder's own still runs.

        Raises:
            TransientError: the database cannot be asked.
        """
        with self._session() as db:
            db.execute(_END_SESSIONS, (shard, holder))
            asked = {"shard": shard, "holder": holder, "length": f"{seconds} seconds"}
            found = db.execute(_TAKE, asked).fetchone()
        return _lease(shard, holder, seconds, *found) if found else None

    def renew(self, lease: Lease) -> Lease:
        """The same lease, from now on.

        Raises:
            LeaseLost: it ran out, or another term has begun.
            TransientError: the database cannot be asked.
        """
        with self._session() as db:
            asked = (lease.seconds, lease.shard, lease.holder, lease.term)
            found = db.execute(_RENEW, asked).fetchone()
        if found is None:
            raise LeaseLost(f"the lease of {lease.shard!r} (term {lease.term}) is lost")
        return _lease(lease.shard, lease.holder, lease.seconds, lease.term, *found)

    def release(self, lease: Lease) -> None:
        """Let it run out now; its term stays. Nothing happens if it is not ours any more."""
        with self._session() as db:
            db.execute(_RELEASE, (lease.shard, lease.holder, lease.term))

    def current(self, shard: str) -> Lease | None:
        """Who leads now, if anybody does."""
        with self._session() as db:
            found = db.execute(
                "SELECT holder, term, until, extract(epoch FROM until - clock_timestamp())::float8 FROM leases"
                " WHERE shard = %s AND until > clock_timestamp()",
                (shard,),
            ).fetchone()
        if found is None:
            return None
        holder, term, until, left = found
        return _lease(shard, str(holder), float(str(left)), term, until)

    def close(self) -> None:
        self._session.close()


def _lease(shard: str, holder: str, seconds: float, term: object, until: object) -> Lease:
    if not isinstance(term, int) or not isinstance(until, datetime):
        raise TransientError("lease: the database answered something else")
    return Lease(shard, holder, term, seconds, until)
