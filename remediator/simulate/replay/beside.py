"""A few threads that nobody waits for: Ctrl-C ends a replay at once, whatever the store is doing."""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

from remediator.model.errors import FleetmendError

T = TypeVar("T")
R = TypeVar("R")
_LOOK = 0.1


def beside(work: Callable[[T], R], items: Sequence[T], workers: int) -> list[R]:
    """The results in the order of the items; what one of them raised is raised here."""
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(len(items)):
        waiting.put(index)
    done: dict[int, R] = {}
    failed: list[FleetmendError] = []

    def run() -> None:
        try:
            while not failed:
                index = waiting.get_nowait()
                done[index] = work(items[index])
        except Empty:
            return
        except FleetmendError as error:
            failed.append(error)

    # Daemons: the executor of the standard library would be waited for at exit, for as long as a query takes.
    threads = [threading.Thread(target=run, name="history", daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    _wait(threads, failed)
    if failed:
        raise failed[0]
    return [done[index] for index in range(len(items))]


def _wait(threads: Sequence[threading.Thread], failed: Sequence[FleetmendError]) -> None:
    """In short looks, between which Ctrl-C is heard."""
    while (alive := [thread for thread in threads if thread.is_alive()]) and not failed:
        alive[0].join(_LOOK)
