"""As many samples as fit into a time."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, samples: Iterable[T]) -> Iterator[T]:
    """Those that are there by then, and one more."""
    until = time.perf_counter() + seconds
    for sample in samples:
        yield sample
        if time.perf_counter() > until:
            return
