"""One scrape: every collector in a thread, under one deadline; what is late or broken breaks only itself."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.errors import NoData
from exporter.families import gauges, one_hot
from exporter.workers import READ_ERRORS, Workers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collector:
    """A named reader; ``read`` runs in a thread, returns fresh families, and may raise NoData."""

    name: str
    read: Callable[[], Iterable[Metric]]


class State(StrEnum):
    """How one collector's part of a scrape ended; *stuck* means that an earlier call has not come back."""

    OK = "ok"
    NODATA = "nodata"
    ERROR = "error"
    TIMEOUT = "timeout"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Reading:
    """One collector's part of a scrape; ``seconds`` is the time it took or, if late, was waited for."""

    collector: str
    state: State
    seconds: float
    families: tuple[Metric, ...] = ()
    error: str = ""


class Runner:
    """Runs collectors; concurrent scrapes share one run, so that no source is read twice at once."""

    def __init__(self, collectors: Sequence[Collector], clock: Clock, workers: Workers) -> None:
        self._collectors = collectors
        self._clock = clock
        self._workers = workers
        self._open: dict[str, Future[Reading]] = {}
        self._told: dict[str, str] = {}
        self._running: asyncio.Task[tuple[Reading, ...]] | None = None

    async def run(self, seconds: float) -> tuple[Reading, ...]:
        """Readings in the table's order, no later than ``seconds`` from now."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(seconds))
        # One impatient client must not cancel what others wait for.
        return await asyncio.shield(self._running)

    async def _run(self, seconds: float) -> tuple[Reading, ...]:
        began = self._clock.monotonic()
        due = [one for one in self._collectors if not self._is_stuck(one.name)]
        futures = {one.name: self._workers.submit(partial(read_timed, one, self._clock)) for one in due}
        self._open.update(futures)
        if futures:
            await asyncio.wait([asyncio.wrap_future(future) for future in futures.values()], timeout=seconds)
        waited = self._clock.monotonic() - began
        readings = tuple(self._conclude(one.name, futures.get(one.name), waited) for one in self._collectors)
        self._tell_changes(readings)
        return readings

    def _is_stuck(self, name: str) -> bool:
        return name in self._open and not self._open[name].done()

    def _conclude(self, name: str, future: Future[Reading] | None, waited: float) -> Reading:
        if future is None:
            return Reading(name, State.STUCK, waited)
        if not future.done():
            self._workers.abandon(future)
            return Reading(name, State.TIMEOUT, waited)
        return future.result()

    def _tell_changes(self, readings: Sequence[Reading]) -> None:
        """A collector that fails the same way at each scrape is one line, not one for each."""
        for one in readings:
            if one.error and self._told.get(one.collector) != one.error:
                log.warning("collector %s: %s", one.collector, one.error)
            self._told[one.collector] = one.error


def read_timed(collector: Collector, clock: Clock) -> Reading:
    """Run one collector; whatever it raises of the expected errors becomes its state."""
    began = clock.monotonic()
    try:
        families = tuple(collector.read())
    except NoData:
        return Reading(collector.name, State.NODATA, clock.monotonic() - began)
    except READ_ERRORS as error:
        text = f"{type(error).__name__}: {error}"
        return Reading(collector.name, State.ERROR, clock.monotonic() - began, error=text)
    return Reading(collector.name, State.OK, clock.monotonic() - began, families)


def build_scrape_families(readings: Sequence[Reading]) -> list[Metric]:
    """The scrape's own metrics under node_exporter's names."""
    return [
        gauges(
            "node_scrape_collector_duration_seconds",
            "node_exporter: Duration of a collector scrape.",
            ["collector"],
            [([one.collector], one.seconds) for one in readings],
        ),
        gauges(
            "node_scrape_collector_success",
            "node_exporter: Whether a collector succeeded.",
            ["collector"],
            [([one.collector], float(one.state is State.OK)) for one in readings],
        ),
    ]


def build_state_family(readings: Sequence[Reading]) -> Metric:
    """One series for each collector and state, so that *no such thing here* is told from *failed*."""
    return gauges(
        "fleetmend_scrape_collector_state",
        "How each collector's part of this scrape ended: 1 for the state it is in.",
        ["collector", "state"],
        one_hot([([one.collector], one.state) for one in readings], list(State)),
    )
