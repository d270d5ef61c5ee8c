"""Questions to the store that many rules share: each is asked once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from remediator.sources.history import History
from remediator.sources.store import Queries, Vector


@dataclass(slots=True)
class Asking:
    """A store at one moment; ``recorded`` are the series that the rules make themselves."""

    store: Queries
    history: History
    now: datetime
    recorded: frozenset[str] = frozenset()
    known: dict[str, float] = field(default_factory=dict)

    def number(self, expr: str) -> float:
        """The value of an expression with one element, 0 when it has none or the store does not answer."""
        if expr not in self.known:
            answer = self.store.query(expr, self.now)
            values = [sample.value for sample in answer.samples] if isinstance(answer, Vector) else []
            self.known[expr] = values[0] if values else 0.0
        return self.known[expr]

    def count(self, selector: str) -> int:
        """How many series the selector has now."""
        return int(self.number(f"count({selector})"))

    def was_there(self, selector: str, within: str) -> bool:
        """Whether it had a sample within that span."""
        return self.number(f"count(present_over_time({selector}[{within}]))") > 0

    def scraped_every(self, selector: str) -> timedelta | None:
        """The interval between samples of its best series, as the last ten minutes have them."""
        samples = self.number(f"max(count_over_time({selector}[10m]))")
        # Both ends of the window may count, and a series may have begun within it: an estimate from few is none.
        first = self.number(f"min(timestamp({selector}))") if samples >= 3 else 0.0
        return timedelta(minutes=10) / samples if first else None
