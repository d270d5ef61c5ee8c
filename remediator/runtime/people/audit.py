"""The audit: who asked for what, in the very commit that did it; what changed nothing is written down soon after."""

import logging
from collections import deque
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from remediator.clock import Clock
from remediator.journal.protocol import Entry
from remediator.model.audit import Asked
from remediator.model.errors import FleetmendError
from remediator.runtime.ledger import Draft, Ledger

AUDIT = "audit"
FLEET = "fleet"
# Beyond so many a second, refused requests are counted and no longer told one by one.
MOST_WAITING = 500
MOST_ROWS = 8
FLUSH_SECONDS = 1.0
# A client that is slowed down must not fill the journal by asking on.
TOO_MANY = 429

log = logging.getLogger("fleetmend.audit")


class Audit:
    """Shown every draft before it is committed: a write that came by the API takes its line along."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._current: ContextVar[Asked | None] = ContextVar("asked", default=None)
        self._carried: set[str] = set()
        self._waiting: deque[Entry] = deque()
        self._left_out = 0

    def __call__(self, draft: Draft) -> None:
        asked = self._current.get()
        if asked is None or asked.request in self._carried:
            return
        rows = [f"{row.kind}/{row.id}" for row in draft.rows()]
        if rows or draft.entries:
            draft.entries.append(_entry(asked, asked.at, {"outcome": "accepted", "rows": rows[:MOST_ROWS]}))
            self._carried.add(asked.request)

    def begins(self, asked: Asked) -> None:
        """From here on the commits of this task are that request's."""
        self._current.set(asked)

    def ended(self, asked: Asked, status: int) -> None:
        """How it was answered: 0 where its client had gone."""
        told = (asked.who, asked.operation, asked.app or "-", asked.object or "-", status, asked.request)
        level = logging.DEBUG if status == TOO_MANY else logging.INFO
        log.log(level, "who=%s operation=%s app=%s object=%s status=%d request=%s", *told)
        self._current.set(None)
        carried = asked.request in self._carried
        self._carried.discard(asked.request)
        if status == TOO_MANY or (carried and 200 <= status < 400):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._left_out += 1
            return
        self._waiting.append(_entry(asked, self._clock.now(), {"outcome": f"answered {status}"}))

    async def told(self, limit: int, app: str = "") -> list[dict[str, Any]]:
        """The newest lines, of one app or of all."""
        await self.flush()
        entries = await self._ledger.entries(AUDIT, limit, subject=app)
        return [{"at": entry.at, "request": entry.id, **entry.body} for entry in entries]

    async def run(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except FleetmendError as error:
                # They wait on, or are counted: a journal that cannot be written is told of elsewhere.
                log.warning("audit: not written yet: %s", error)

    async def flush(self) -> None:
        """Write down what waits, all of it in one commit."""
        waiting, self._waiting = self._waiting, deque()
        left_out, self._left_out = self._left_out, 0
        if not waiting and not left_out:
            return
        try:
            async with self._ledger.writing() as draft:
                draft.entries.extend(waiting)
                if left_out:
                    draft.note(self._clock.now(), AUDIT, FLEET, {"left_out": left_out})
        except FleetmendError:
            self._waiting.extendleft(reversed(waiting))
            self._left_out += left_out
            raise


def _entry(asked: Asked, at: datetime, more: dict[str, Any]) -> Entry:
    body = {"who": asked.who, "operation": asked.operation, "app": asked.app, "object": asked.object, **more}
    return Entry(at, AUDIT, asked.request, asked.app or FLEET, body)
