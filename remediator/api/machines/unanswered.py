"""Creates whose client was gone before the answer: what it asks for again at once is the same machine.

Clients repeat any request whose connection broke, without a key of their own; each repetition would make one more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from remediator.model.errors import FleetmendError
from remediator.model.machine import Machine

# Their tries end within seconds.
REMEMBERED = timedelta(seconds=15)
Make = Callable[[], Awaitable[Machine]]


@dataclass(slots=True)
class _Attempt:
    task: "asyncio.Future[Machine]"
    request: web.Request
    began: datetime

    @property
    def abandoned(self) -> bool:
        """Nobody hears the answer."""
        transport = self.request.transport
        return transport is None or transport.is_closing()

    @property
    def failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)


class Unanswered:
    """Attempts by what they ask for; in memory alone: a key of the client's own outlives us, this does not."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._attempts: dict[str, list[_Attempt]] = {}

    async def once(self, mark: str, request: web.Request, make: Make) -> Machine:
        """What ``make`` makes, or what it made for a client that was gone before it was told."""
        self._forget()
        known = self._attempts.setdefault(mark, [])
        attempt = next((each for each in known if each.abandoned and not each.failed), None)
        if attempt is None:
            attempt = _Attempt(asyncio.ensure_future(make()), request, self._now())
            known.append(attempt)
        attempt.request = request
        try:
            return await asyncio.shield(attempt.task)
        except FleetmendError:
            self._answered(mark, attempt)
            raise
        finally:
            if attempt.task.done() and not attempt.abandoned:
                self._answered(mark, attempt)

    def _answered(self, mark: str, attempt: _Attempt) -> None:
        left = [each for each in self._attempts.get(mark, []) if each is not attempt]
        self._attempts[mark] = left

    def _forget(self) -> None:
        oldest = self._now() - REMEMBERED
        for mark, attempts in list(self._attempts.items()):
            kept = [each for each in attempts if not each.task.done() or each.began > oldest]
            if kept:
                self._attempts[mark] = kept
            else:
                del self._attempts[mark]
