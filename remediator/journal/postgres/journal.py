"""The journal in PostgreSQL, for several remediators: a commit is fenced by the lease under which it is written."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import takewhile
from typing import Any

import psycopg
from nacl.signing import SigningKey

from remediator.journal import codec
from remediator.journal.batch import Batch, build_batch
from remediator.journal.chain import Change, Head, Line
from remediator.journal.lease import Lease, session_name
from remediator.journal.postgres.disk import UNKNOWN, free_share
from remediator.journal.postgres.place import PostgresPlace, ended, said
from remediator.journal.postgres.schema import (
    SELECT_BASE,
    SELECT_CHANGES,
    SELECT_LINES,
    Session,
    prepare,
    read_head,
    read_horizon,
    replace_horizon,
)
from remediator.journal.postgres.session import ShardSession, end_others
from remediator.journal.postgres.writing import check_versions, write_batch, write_step
from remediator.journal.protocol import UNSAFE, Conflict, Entry, JournalUnusable, LeaseLost, Row, Stored
from remediator.journal.snapshot import Horizon, Pruned, build_step, signed, touched
from remediator.journal.state import Member
from remediator.model.errors import TransientError

_TRIES, _PAUSE = 10, 0.5
_ALONE = "-"


class PostgresJournal:
    """One shard. ``lead`` lets it commit under a lease; without one it reads.

    ``alone`` (one remediator, no leases) holds the shard by a lock of its session instead.

    Raises:
        JournalUnusable: with one clear sentence; nothing was changed.
    """

    def __init__(
        self, place: PostgresPlace, shard: str = "fleet", signer: SigningKey | None = None, *, alone: bool = False
    ) -> None:
        self.shard = shard
        self._signer = signer
        self._alone = alone
        self._lease: Lease | None = None
        # A commit whose answer was lost; until it is known whether it was written, nothing else is.
        self._unsettled: Batch | None = None
        self._overtaken = ""
        try:
            self._session = ShardSession(place, shard, session_name(shard, _ALONE), alone=alone)
            self._head = self._begun()
        except (LeaseLost, TransientError) as error:
            raise JournalUnusable(str(error)) from error

    def _begun(self) -> Head:
        with ExitStack() as failing:
            failing.callback(self._session.close)
            prepare(self._session.open(), self.shard, signed(Horizon(), self._signer, self.shard))
            head = self._session.ask(self._last)
            failing.pop_all()
        return head

    def lead(self, lease: Lease) -> None:
        """Commit under this lease from here on, after whatever was committed before it."""
        self._lease = lease
        self._session.renew(session_name(self.shard, lease.holder))
        self._head = self._session.ask(self._last)
        self._unsettled, self._overtaken = None, ""

    def follow(self) -> None:
        """Commit nothing any more."""
        self._lease = None

    def rows(self) -> dict[str, dict[str, Stored]]:
        rows, self._head = self._session.ask(self._rows_and_head)
        self._unsettled, self._overtaken = None, ""
        return rows

    def _rows_and_head(self, db: Session) -> tuple[dict[str, dict[str, Stored]], Head]:
        with db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            found: Any = db.execute("SELECT kind, id, version, body FROM rows WHERE shard = %s", (self.shard,))
            return codec.decode_rows(found), self._last(db)

    def _last(self, db: Session) -> Head:
        return read_head(db, self.shard)

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        if not rows and not entries:
            return
        self._settle()
        term = self._lease.term if self._lease else 0
        batch = build_batch(self._head, rows, entries, self._signer, self.shard, term)
        if not self._written(rows, batch) and not self._written(rows, batch):
            raise TransientError("journal: the database ends every session before a commit is written")
        self._head = batch.head

    def _written(self, rows: Sequence[Row], batch: Batch) -> bool:
        """Whether it is; not when the session ended before."""
        db = self._session.open()
        try:
            with db.transaction():
                self._fence(db)
                self._check_follows(db)
                check_versions(db, self.shard, rows)
                write_batch(db, self.shard, rows, batch)
        except psycopg.Error as error:
            if not ended(error):
                raise TransientError(f"journal: {said(error)}") from error
            self._session.close()
            return self._answered(batch, error)
        return True

    def _answered(self, batch: Batch, error: psycopg.Error) -> bool:
        """Whether a commit was written whose answer was lost, once the database can be asked."""
        self._unsettled = batch
        for _ in range(_TRIES):
            try:
                return self._was_written(batch)
            except TransientError:
                if self._session.over:
                    break
                time.sleep(_PAUSE)
        raise TransientError(f"journal: {said(error)}") from error

    def _settle(self) -> None:
        """Whether a commit whose answer was lost was written, before anything else is."""
        if self._unsettled is not None:
            number = self._unsettled.head.number
            if self._was_written(self._unsettled):
                self._overtaken = f"journal: commit {number} was written after all; what is in memory is behind it"
        if self._overtaken:
            raise Conflict(self._overtaken)

    def _was_written(self, batch: Batch) -> bool:
        """Asked once the session that may still be writing it is gone."""

        def look(db: Session) -> bool:
            end_others(db, self._session.name)
            asked = (self.shard, batch.head.number, batch.head.hash)
            found = db.execute("SELECT 1 FROM commits WHERE shard = %s AND number = %s AND hash = %s", asked)
            return found.fetchone() is not None

        written = self._session.ask(look)
        self._unsettled = None
        return written

    def entries(self, kind: str, limit: int, *, identifier: str = "", subject: str = "") -> list[Entry]:
        asked = (self.shard, kind, identifier, identifier, subject, subject, limit)
        found: Any = self._session.ask(
            lambda db: db.execute(
                "SELECT at, kind, id, subject, body FROM entries WHERE shard = %s AND kind = %s"
                " AND (%s = '' OR id = %s) AND (%s = '' OR subject = %s) ORDER BY seq DESC LIMIT %s",
                asked,
            ).fetchall()
        )
        return [
            Entry(datetime.fromisoformat(at), name, key, about, codec.decode_body(body))
            for at, name, key, about, body in found
        ]

    def count(self) -> int:
        return self._head.last_entry

    def head(self) -> Head:
        return self._head

    def known_hash(self, number: int) -> bytes | None:
        asked = {"shard": self.shard, "number": number}
        found: Any = self._session.ask(
            lambda db: db.execute(
                "SELECT hash FROM commits WHERE shard = %(shard)s AND number = %(number)s"
                " UNION SELECT hash FROM horizon WHERE shard = %(shard)s AND number = %(number)s",
                asked,
            ).fetchone()
        )
        return bytes(found[0]) if found else None

    def prune(self, before: datetime, most: int) -> int:
        limit = before.isoformat()

        def step(db: Session) -> int:
            with db.transaction():
                self._fence(db)
                known: Any = db.execute(
                    "SELECT number, at, term, last_entry, last_change, hash, signature, leaves FROM commits"
                    " WHERE shard = %s AND number < %s ORDER BY number LIMIT %s",
                    (self.shard, self._head.number, most),
                )
                old = [(Head(*head), leaves) for *head, leaves in takewhile(lambda row: row[1] < limit, known)]
                if old:
                    self._move_horizon(db, old)
                return len(old)

        # Asked twice it does no harm: what is gone is not there to be pruned again.
        return self._session.ask(step)

    def _move_horizon(self, db: Session, old: list[tuple[Head, bytes]]) -> None:
        head = old[-1][0]
        changes: Any = db.execute(
            f"{SELECT_CHANGES} WHERE shard = %s AND seq <= %s ORDER BY seq", (self.shard, head.last_change)
        )
        lines: Any = db.execute(
            f"{SELECT_LINES} WHERE shard = %s AND seq <= %s ORDER BY seq", (self.shard, head.last_entry)
        )
        pruned = Pruned(old, [Change(*row) for row in changes], [Line(*row) for row in lines])
        horizon = read_horizon(db, self.shard)
        now = touched(pruned, horizon, self._signer, self.shard)
        keys = ([kind.decode() for kind, _ in now], [identifier.decode() for _, identifier in now])
        was: Any = db.execute(
            f"{SELECT_BASE} WHERE shard = %s"  # noqa: S608 - our own words
            " AND (kind, id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
            (self.shard, *keys),
        )
        step = build_step(horizon, head, now, (Member(*row) for row in was), self._signer, self.shard)
        write_step(db, self.shard, step)
        replace_horizon(db, self.shard, step.horizon)

    def free_share(self) -> float | None:
        """Of the database's disk, where it lets us know; None while it cannot be asked."""
        try:
            return self._session.ask(free_share)
        except TransientError:
            return None

    def cautions(self) -> list[str]:
        """What makes an acknowledged commit less than safe: it must be on a standby, and on its disk."""
        try:
            fsync, commit, standbys = self._session.ask(_settings)
        except TransientError:
            return [f"{UNSAFE}: PostgreSQL cannot be asked"]
        if fsync != "on":
            return [f"{UNSAFE}: PostgreSQL runs with fsync off"]
        full = [] if self.free_share() is not None else [UNKNOWN]
        if commit not in ("on", "remote_apply") or not standbys:
            return [f"{UNSAFE}: PostgreSQL commits without a synchronous standby", *full]
        return full

    def break_off(self) -> None:
        self._session.break_off()

    def close(self) -> None:
        self._session.close()

    def _check_follows(self, db: Session) -> None:
        """The database ends where we ended: it is neither ahead nor an older copy, as a lagging standby is."""
        found = self._last(db)
        if found.hash != self._head.hash:
            ours = self._head.number
            self._overtaken = f"journal: it ends at commit {found.number}, which is not our commit {ours}"
            raise Conflict(self._overtaken)

    def _fence(self, db: Session) -> None:
        """Whoever takes the lease waits for this transaction, and finds what it wrote."""
        if self._alone:
            return
        if self._lease is None:
            raise LeaseLost(f"journal: nobody leads shard {self.shard!r} here")
        found = db.execute(
            "SELECT 1 FROM leases WHERE shard = %s AND holder = %s AND term = %s AND until > clock_timestamp()"
            " FOR SHARE",
            (self.shard, self._lease.holder, self._lease.term),
        ).fetchone()
        if found is None:
            raise LeaseLost(f"journal: the lease of {self.shard!r} (term {self._lease.term}) is lost")


def _settings(db: Session) -> tuple[object, ...]:
    names = ("fsync", "synchronous_commit", "synchronous_standby_names")
    asked = db.execute("SELECT current_setting(%s), current_setting(%s), current_setting(%s)", names)
    return asked.fetchone() or ("", "", "")
