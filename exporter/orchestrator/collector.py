"""Asks the remediator once for each scrape, whichever and however many collectors want to know."""

import http.client
from collections.abc import Callable, Sequence

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.errors import NoData
from exporter.families import gauge
from exporter.orchestrator.feed import Feed, Fetch
from exporter.orchestrator.fold import Fold
from exporter.orchestrator.tables import Definition, Table
from exporter.workers import Workers

UP_TEXT = "Whether the remediator answered; if not, nothing else is said of the orchestrator here."
# The collectors of one scrape follow each other faster than this, two scrapes do not.
FRESH_SECONDS = 0.5


class Orchestrator:
    """Keeps the state in memory. Several threads may read: one of its own does the work for all of them.

    In turns by many threads, each with a heap of its own, so much text would soon fill all of these heaps.
    While the remediator is away nothing old is told; what is known is kept, for it may be the same one that returns.
    """

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._clock = clock
        self._fold = Fold()
        self._feed = Feed(fetch, self._fold)
        self._workers = Workers(1)
        self._asked_at: float | None = None
        self._up = False

    def read_up(self) -> list[Metric]:
        up = self._workers.submit(self._refresh).result()
        return [gauge("fleetmend_orchestrator_up", UP_TEXT, float(up))]

    def reader(self, definitions: Sequence[Definition]) -> Callable[[], list[Metric]]:
        """A collector's reader of these families; nothing is counted for them before it is first called."""
        tables: list[Table] = []

        def build() -> list[Metric] | None:
            if not self._refresh():
                return None
            if not tables:
                tables.extend(one.table() for one in definitions)
                for table in tables:
                    self._fold.attach(table)
            now = self._clock.now()
            return [table.family(now) for table in tables]

        def read() -> list[Metric]:
            families = self._workers.submit(build).result()
            if families is None:
                raise NoData("the remediator is away")
            return families

        return read

    def _refresh(self) -> bool:
        """Ask, if nobody just did; whether the remediator answered."""
        now = self._clock.monotonic()
        if self._asked_at is not None and 0 <= now - self._asked_at < FRESH_SECONDS:
            return self._up
        try:
            self._feed.catch_up()
            self._up = True
        except (OSError, ValueError, http.client.HTTPException):
            self._up = False
        self._asked_at = self._clock.monotonic()
        return self._up
