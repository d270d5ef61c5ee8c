"""When somebody is to be looked at again though nothing happens."""

import heapq
from datetime import datetime


class Due:
    """One moment for each name, at most; a later word replaces an earlier one."""

    def __init__(self) -> None:
        self._moments: dict[str, datetime] = {}
        self._queue: list[tuple[datetime, str]] = []

    def at(self, name: str, moment: datetime | None) -> None:
        """From now on that name's moment; None is never."""
        if moment is None:
            self._moments.pop(name, None)
        elif self._moments.get(name) != moment:
            self._moments[name] = moment
            heapq.heappush(self._queue, (moment, name))

    def take(self, now: datetime) -> set[str]:
        """Those whose moment has come; each is taken once."""
        found = set()
        while self._queue and self._queue[0][0] <= now:
            moment, name = heapq.heappop(self._queue)
            # What was said of it since then counts.
            if self._moments.get(name) == moment:
                del self._moments[name]
                found.add(name)
        return found
