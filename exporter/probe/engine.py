"""Thousands of attempts at once on one epoll: what is ready goes on, what is due expires.

Nested in the loop (its descriptor is one of the loop's), not in a thread: a second thread that computes would take
the interpreter from it at every call into the kernel.
"""

import select
from collections import deque
from collections.abc import Callable
from typing import Protocol

from exporter.probe.attempt import EVENTS, Attempt
from exporter.probe.outcome import Outcome

MOST_EVENTS = 1024


class Loop(Protocol):
    """The part of an event loop that is needed."""

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None: ...

    def remove_reader(self, fd: int) -> bool: ...


class Engine:
    """Drives attempts to their outcome; everything happens in the loop's own thread.

    Attempts with the same timeout expire in the order in which they began: one queue for each timeout, no heap.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._epoll = select.epoll()
        self._open: dict[int, Attempt] = {}
        self._watched: dict[int, Callable[[float], None]] = {}
        self._queues: dict[float, deque[Attempt]] = {}

    def attach(self, loop: Loop) -> None:
        loop.add_reader(self._epoll.fileno(), self.turn)

    def detach(self, loop: Loop) -> None:
        """No more turns; what is under way is closed without an outcome."""
        loop.remove_reader(self._epoll.fileno())
        for attempt in self._open.values():
            attempt.close()
        self._open.clear()
        self._epoll.close()

    def watch(self, descriptor: int, call: Callable[[float], None]) -> None:
        """Call when ``descriptor``, which several attempts share, can be read."""
        self._watched[descriptor] = call
        self._epoll.register(descriptor, select.EPOLLIN)

    def start(self, attempt: Attempt) -> None:
        """Its outcome may come at once."""
        now = self._monotonic()
        attempt.deadline = now + attempt.timeout
        outcome = attempt.start(now)
        if outcome is None and attempt.descriptor >= 0:
            outcome = self._register(attempt)
        if outcome is not None:
            self.finish(attempt, outcome, now)
            return
        queue = self._queues.get(attempt.timeout)
        if queue is None:
            queue = self._queues[attempt.timeout] = deque()
        queue.append(attempt)

    def _register(self, attempt: Attempt) -> Outcome | None:
        self._open[attempt.descriptor] = attempt
        try:
            self._epoll.register(attempt.descriptor, EVENTS)
        except OSError:
            return Outcome.ERROR_HERE
        return None

    def finish(self, attempt: Attempt, outcome: Outcome, now: float) -> None:
        attempt.over = True
        self._open.pop(attempt.descriptor, None)
        attempt.finish(outcome, now)

    def turn(self) -> None:
        """What is ready first, then what is due: an answer that waits in the kernel is never called silence."""
        ready = MOST_EVENTS
        while ready == MOST_EVENTS:
            now = self._monotonic()
            ready = self._advance(now)
        self._expire(now)

    def _advance(self, now: float) -> int:
        events = self._epoll.poll(0, MOST_EVENTS)
        for descriptor, mask in events:
            attempt = self._open.get(descriptor)
            if attempt is None:
                self._watched[descriptor](now)
                continue
            outcome = attempt.advance(mask, now)
            if outcome is not None:
                self.finish(attempt, outcome, now)
        return len(events)

    def _expire(self, now: float) -> None:
        for timeout, queue in tuple(self._queues.items()):
            while queue and (queue[0].over or queue[0].deadline <= now):
                attempt = queue.popleft()
                if not attempt.over:
                    self.finish(attempt, attempt.expire(now), now)
            if not queue:
                del self._queues[timeout]

    def next_deadline(self) -> float:
        """When something is due next, by the monotonic clock; infinity if nothing is."""
        return min((queue[0].deadline for queue in self._queues.values() if queue), default=float("inf"))
