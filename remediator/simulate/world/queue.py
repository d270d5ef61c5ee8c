"""What is to happen, in order of its moment."""

import heapq
from collections.abc import Callable
from itertools import count

Deed = Callable[[], None]


class Queue:
    """Deeds by moment; equal moments keep the order in which they were planned. ``now`` is the world's time."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deed]] = []
        self._number = count()
        self.now = 0.0

    def at(self, moment: float, deed: Deed) -> None:
        heapq.heappush(self._heap, (max(moment, self.now), next(self._number), deed))

    def after(self, seconds: float, deed: Deed) -> None:
        self.at(self.now + seconds, deed)

    def next(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def run_until(self, moment: float) -> bool:
        """Do whatever is due by then, and make it that time; whether anything was done."""
        done = False
        while self._heap and self._heap[0][0] <= moment:
            self.now, _, deed = heapq.heappop(self._heap)
            deed()
            done = True
        self.now = moment
        return done
