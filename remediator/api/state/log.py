"""The order in which records changed, each named once: at its last change."""

import asyncio
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice

# A kind and an id.
Key = tuple[str, str]

# Ids of what is gone, kept for readers who do not know it yet.
MOST_GONE = 20_000
# As many lines as may be crossed out, beside half of them, before the log is written anew.
SLACK = 10_000
CHUNK = 5_000


class ChangeLog:
    """Numbers rise by one with each change. Memory is bounded by the records there are and ``most_gone``."""

    def __init__(self, first: int, most_gone: int = MOST_GONE) -> None:
        self.newest = first
        # A reader who stopped before this number would not hear of everything that is gone.
        self.floor = first
        self._numbers = array("q")
        self._keys: list[Key] = []
        self._last: dict[Key, int] = {}
        self._gone: OrderedDict[Key, None] = OrderedDict()
        self._most_gone = most_gone

    def add(self, key: Key, *, gone: bool = False) -> None:
        """Note that a record is new, other, or gone. What is gone and was never told is passed over."""
        self._gone.pop(key, None)
        if gone and key not in self._last:
            return
        self.newest += 1
        self._numbers.append(self.newest)
        self._keys.append(key)
        self._last[key] = self.newest
        if gone:
            self._gone[key] = None
            self._forget()

    def is_gone(self, key: Key) -> bool:
        return key in self._gone

    def after(self, number: int) -> Iterator[tuple[int, Key]]:
        """What changed after ``number``, oldest first; must not be kept across a change."""
        start = bisect_right(self._numbers, number)
        last = self._last
        for place in range(start, len(self._keys)):
            changed, key = self._numbers[place], self._keys[place]
            if last.get(key) == changed:
                yield changed, key

    def holds_more(self, number: int, count: int) -> bool:
        """Whether more than ``count`` records changed after ``number``."""
        return next(islice(self.after(number), count, None), None) is not None

    async def tidy(self) -> None:
        """Leave out lines that a later one made void, if they are many; nothing may be added meanwhile."""
        if len(self._keys) <= 2 * len(self._last) + SLACK:
            return
        numbers, keys = array("q"), []
        kept = self.after(0)
        while chunk := list(islice(kept, CHUNK)):
            numbers.extend([number for number, _ in chunk])
            keys += [key for _, key in chunk]
            await asyncio.sleep(0)
        self._numbers, self._keys = numbers, keys

    def _forget(self) -> None:
        if len(self._gone) > self._most_gone:
            oldest, _ = self._gone.popitem(last=False)
            self.floor = max(self.floor, self._last.pop(oldest))
