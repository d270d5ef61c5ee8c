"""Many short calls, made by one thread as long as none of them is slow, and by more as soon as one is.

A thread for each call would cost more than most of the calls; one thread for all would let the slow hold up the rest.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Generic

from exporter.workers import Result, Workers


class Sweep(Generic[Result]):
    """Calls by name: ``busy`` has those that were begun, ``results`` those that have come back.

    A call says in its result how it failed; one that raises has none, and ends its thread's work.
    """

    def __init__(self, calls: Mapping[str, Callable[[], Result]], on_end: Callable[[], None]) -> None:
        self._due = deque(calls.items())
        self._left = len(calls)
        self._lock = threading.Lock()
        self._on_end = on_end
        self._threads: list[Future[None]] = []
        self.results: dict[str, Result] = {}
        self.busy: set[str] = set()

    def start(self, workers: Workers, threads: int = 1) -> None:
        """Have so many more threads take calls while there are any; ``on_end`` is called by the last, in it."""
        wanted = min(threads, len(self._due))
        self._threads += [workers.submit(self._work) for _ in range(wanted)]

    def give_up(self, workers: Workers) -> None:
        """Begin no further call, and wait no longer for those that have begun."""
        self._due.clear()
        for thread in self._threads:
            workers.abandon(thread)

    def _work(self) -> None:
        while True:
            try:
                name, call = self._due.popleft()
            except IndexError:
                return
            self.busy.add(name)
            try:
                self.results[name] = call()
            finally:
                self._count(name)

    def _count(self, name: str) -> None:
        self.busy.discard(name)
        with self._lock:
            self._left -= 1
            ended = self._left == 0
        if ended:
            self._on_end()
