"""Rounds of canary queries and of a look at the store's own page, in the background, for as long as we run."""

import asyncio
import random
from collections.abc import Callable
from functools import partial

from exporter.clock import Clock
from exporter.store.answers import SERIES, START, NoAnswer, parse_metric, parse_series_count, parse_value
from exporter.store.canary import Canary
from exporter.store.client import Client
from exporter.store.flags import StoreSettings
from exporter.store.memory import Memory
from exporter.workers import Workers

# Many exporters that were started together must not ask together for ever.
JITTER = 0.1


class Watcher:
    """Asks one store; what it finds is in ``memory``."""

    def __init__(self, settings: StoreSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.memory = Memory([name for name, _ in settings.queries], clock)
        self._canaries = {name: self._canary(partial(self._ask, query)) for name, query in settings.queries}
        self._own_page = self._canary(self._look)
        self._workers = Workers(len(self._canaries) + 1)
        # Not for secrets: for rounds that do not all begin at once.
        self._chance = random.Random()  # noqa: S311

    async def run(self) -> None:
        while True:
            await self.round()
            spread = self._settings.interval * JITTER
            await self._clock.sleep(self._settings.interval + self._chance.uniform(-spread, spread))

    async def round(self) -> None:
        """All queries at once, each with its own time."""
        names = list(self._canaries)
        singing = [self._canaries[name].sing(self._workers) for name in names]
        *outcomes, _ = await asyncio.gather(*singing, self._own_page.sing(self._workers))
        for name, outcome in zip(names, outcomes, strict=True):
            self.memory.note(name, outcome)

    def _canary(self, call: Callable[[Client], float | None]) -> Canary:
        """With a connection of its own: what hangs must not hold up the others."""
        settings = self._settings
        client = Client(settings.timeout, settings.token_file)
        return Canary(partial(call, client), settings.timeout, self._clock)

    def _ask(self, query: str, client: Client) -> float | None:
        # Without nocache VictoriaMetrics hides what is younger than half a minute; Prometheus passes it over.
        asked = {"query": query, "nocache": "1", "timeout": f"{self._settings.timeout:g}s"}
        return parse_value(client.get(f"{self._settings.url}/api/v1/query", asked))

    def _look(self, client: Client) -> None:
        """Start and size of the store, where it tells them."""
        kind, memory = self._settings.kind, self.memory
        page = client.get(self._settings.metrics_url).decode(errors="replace")
        start = parse_metric(page, START[kind])
        if start is not None:
            memory.note_start(start)
        series = parse_metric(page, SERIES[kind])
        memory.note_series(self._count(client) if series is None else series)

    def _count(self, client: Client) -> float | None:
        """A cluster's query nodes hold no series themselves, but can say how many there are."""
        try:
            return parse_series_count(client.get(f"{self._settings.url}/api/v1/status/tsdb", {"topN": "1"}))
        except NoAnswer:
            return None
