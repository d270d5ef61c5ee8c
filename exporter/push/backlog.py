"""Pages that wait for the store: what every place for them has, and the one in memory."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from exporter.push.meters import Drop, Meters
from exporter.push.page import Page

# Compressed: some hundred pages of a host, or a few of an orchestrator.
MEMORY_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """A page that waits, under the number by which it is removed."""

    number: int
    page: Page


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a page without looking into it; a higher ``number`` was collected later."""

    number: int
    at: int
    samples: int
    size: int


class Shelf:
    """Entries in the order of their numbers, and what they add up to. Changed by one thread, read by any."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self.bytes = 0
        # Kept, not asked for: another thread must not walk what this one changes.
        self.oldest_at: int | None = None

    @property
    def pages(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        self._entries[entry.number] = entry
        self._count(entry.size)

    def take(self, number: int) -> Entry | None:
        """The entry, no longer on the shelf; None if it was not there."""
        entry = self._entries.pop(number, None)
        self._count(-entry.size if entry else 0)
        return entry

    def oldest(self) -> Entry | None:
        return next(iter(self._entries.values()), None)

    def newest(self, but: AbstractSet[int]) -> Entry | None:
        """The newest whose number is not in ``but``."""
        return next((entry for entry in reversed(self._entries.values()) if entry.number not in but), None)

    def _count(self, size: int) -> None:
        self.bytes += size
        oldest = self.oldest()
        self.oldest_at = oldest.at if oldest else None


class Backlog(Protocol):
    """Used by one thread. Nothing here raises for what a disk does: it is counted, and said once."""

    @property
    def shelf(self) -> Shelf:
        """What waits; for others to read."""
        ...

    def put(self, page: Page) -> None:
        """Keep the page; the oldest are dropped, and counted, to make room for it."""
        ...

    def newest(self, but: AbstractSet[int]) -> Kept | None:
        """The newest page whose number is not in ``but``."""
        ...

    def remove(self, number: int) -> None:
        """The page was taken, or is given up."""
        ...

    def close(self) -> None: ...


class MemoryBacklog:
    """Rides out a restart of the store, not an outage; ends with the process."""

    def __init__(self, meters: Meters, max_bytes: int = MEMORY_BYTES) -> None:
        self.shelf = Shelf()
        self._meters = meters
        self._max_bytes = max_bytes
        self._last = 0
        self._kept: dict[int, Page] = {}

    def put(self, page: Page) -> None:
        self._last += 1
        self.shelf.add(Entry(self._last, page.at, page.samples, page.size))
        self._kept[self._last] = page
        while self.shelf.bytes > self._max_bytes and (oldest := self.shelf.oldest()):
            self.remove(oldest.number)
            self._meters.count_dropped(Drop.QUEUE_FULL, oldest.samples)

    def newest(self, but: AbstractSet[int]) -> Kept | None:
        entry = self.shelf.newest(but)
        return Kept(entry.number, self._kept[entry.number]) if entry else None

    def remove(self, number: int) -> None:
        self.shelf.take(number)
        self._kept.pop(number, None)

    def close(self) -> None:
        """What still waits is lost."""
