"""Threads that may be abandoned: a call stuck in the kernel costs one thread, never the page.

The standard thread pool waits for its threads at exit and keeps no spare one for those that never return.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")

# What reading and parsing may raise on text and files that are not as expected.
READ_ERRORS = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


class Workers:
    """At most ``size`` daemon threads, started when needed; one more for each that was abandoned."""

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self._alive = 0
        self._abandoned: set[int] = set()

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        """Run ``call`` in a thread; its result, or the one of READ_ERRORS that it raised, is in the future."""
        future: Future[Result] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(call())
            except READ_ERRORS as error:
                future.set_exception(error)
            with self._lock:
                self._abandoned.discard(id(future))

        with self._lock:
            self._unfinished += 1
        self._jobs.put(job)
        self._start_threads()
        return future

    def abandon(self, future: Future[Any]) -> None:
        """Stop waiting: cancel the call if it has not begun, else let another thread take its place."""
        if future.cancel():
            return
        with self._lock:
            if not future.done():
                self._abandoned.add(id(future))
        self._start_threads()

    def _start_threads(self) -> None:
        with self._lock:
            wanted = min(self._unfinished, self._size + len(self._abandoned)) - self._alive
            self._alive += max(0, wanted)
        for _ in range(wanted):
            threading.Thread(target=self._run, name="reader", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                self._unfinished -= 1
                if self._alive > self._size + len(self._abandoned):
                    self._alive -= 1
                    return
