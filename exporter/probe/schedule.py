"""When each target's turn is: steady places in an interval, told by the clock alone."""

import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

# Whose turn came longer ago than this part of an interval (or so many seconds, if that is longer) is passed over: a
# stall is not made up for by a burst.
PATIENCE = 0.25
LEAST_PATIENCE_SECONDS = 0.05


class Job(Protocol):
    """Something that is begun once in each interval; ``key`` spreads jobs over it."""

    @property
    def key(self) -> str: ...


J = TypeVar("J", bound=Job)


def phase(vantage: str, key: str) -> float:
    """A steady place in 0…1, another for each pair: targets are not asked by all vantages at once."""
    return zlib.crc32(f"{vantage}/{key}".encode()) / 2**32


class Ring(Generic[J]):
    """Jobs in the order of their places, each begun once in an interval of so many seconds.

    ``position`` is in intervals since the clock's beginning: a ring that replaces another goes on where that one was,
    so that a new list of jobs makes nobody's turn come twice.
    """

    def __init__(self, interval: float, vantage: str, jobs: Sequence[J], position: float) -> None:
        self.interval = interval
        placed = sorted(((phase(vantage, job.key), job) for job in jobs), key=lambda pair: pair[0])
        self._phases = [place for place, _ in placed]
        self._jobs = [job for _, job in placed]
        self._patience = max(PATIENCE * interval, LEAST_PATIENCE_SECONDS)
        self._turn = int(position)
        self._next = bisect_left(self._phases, position - self._turn)
        self._skipped = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def next_due(self) -> float:
        """When the next job's turn is, by the monotonic clock; infinity without jobs."""
        if not self._jobs:
            return float("inf")
        self._wrap()
        return (self._turn + self._phases[self._next]) * self.interval

    def due(self, now: float, most: int) -> Iterator[tuple[J, float]]:
        """Up to ``most`` jobs whose turn has come, with the moment planned; late ones are counted and passed over."""
        self._skip_turns(now)
        while most > 0 and (planned := self.next_due()) <= now:
            job = self._jobs[self._next]
            self._next += 1
            if now - planned > self._patience:
                self._skipped += 1
                continue
            most -= 1
            yield job, planned

    def take_skipped(self) -> int:
        """How many turns were passed over since this was last asked."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def position(self, now: float) -> float:
        """Where a ring that replaces this one goes on."""
        return self.next_due() / self.interval if self._jobs else now / self.interval

    def _wrap(self) -> None:
        if self._next == len(self._jobs):
            self._turn, self._next = self._turn + 1, 0

    def _skip_turns(self, now: float) -> None:
        """After a pause of many intervals: all of them at once."""
        behind = int(now / self.interval) - self._turn - 1
        if behind > 0:
            self._turn += behind
            self._skipped += behind * len(self._jobs)
