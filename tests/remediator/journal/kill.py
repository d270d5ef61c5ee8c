"""Ending a process of our own at a chosen moment, as by kill -9: no handler, no cleaning up."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any


def measured(work: Callable[[], object]) -> float:
    """The seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def killed_after(seconds: float, work: Callable[..., object], *arguments: Any) -> bool:
    """Do it in a child that the kernel ends after so long; whether it was ended in the middle."""
    child = os.fork()
    if child == 0:
        # The alarm's default action ends the process at once, wherever it is.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
        try:
            work(*arguments)
        finally:
            os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, -signal.SIGALRM), ended
    return ended != 0
