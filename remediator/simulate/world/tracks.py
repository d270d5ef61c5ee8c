"""Spans being written: what holds now and since when, per thing."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from remediator.simulate.world.record import Span

K = TypeVar("K", bound=Hashable)


class Tracks(Generic[K]):
    """Each key holds or does not; what held is kept as spans."""

    def __init__(self) -> None:
        self._since: dict[K, float] = {}
        self._spans: dict[K, list[Span]] = {}

    def set(self, key: K, at: float, *, on: bool) -> bool:
        """Whether this changed anything."""
        since = self._since.get(key)
        if on == (since is not None):
            return False
        if since is None:
            self._since[key] = at
        else:
            del self._since[key]
            if at > since:
                self._spans.setdefault(key, []).append(Span(since, at))
        return True

    def holds(self, key: K) -> bool:
        return key in self._since

    def of(self, key: K) -> tuple[Span, ...]:
        still = [Span(self._since[key])] if key in self._since else []
        return (*self._spans.get(key, ()), *still)

    def all(self) -> Iterator[tuple[K, Span]]:
        for key in dict.fromkeys([*self._spans, *self._since]):
            for span in self.of(key):
                yield key, span
