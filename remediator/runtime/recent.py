"""Which rows changed lately, so that who looks again need not look at all of them."""

from collections import deque
from collections.abc import Iterator

# Some hundred bytes each; one who is further behind reads everything.
LIMIT = 20_000


class Recent:
    """The newest changes, each as the number of its commit, a kind and an id."""

    def __init__(self, limit: int = LIMIT, forgotten: int = 0) -> None:
        self._limit = limit
        self._changes: deque[tuple[int, str, str]] = deque()
        self._forgotten = forgotten

    def add(self, number: int, kind: str, identifier: str) -> None:
        if len(self._changes) == self._limit:
            self._forgotten = self._changes.popleft()[0]
        self._changes.append((number, kind, identifier))

    def since(self, number: int) -> set[tuple[str, str]] | None:
        """What changed after ``number``; None if some of that is forgotten."""
        return None if number < self._forgotten else set(self._after(number))

    def _after(self, number: int) -> Iterator[tuple[str, str]]:
        for changed, kind, identifier in reversed(self._changes):
            if changed <= number:
                return
            yield kind, identifier
