"""One scrape: every collector in a thread, under one deadline; what is late or broken breaks only itself."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.errors import NoData
from exporter.families import Family, Piece, gauges, one_hot
from exporter.sweep import Sweep
from exporter.workers import READ_ERRORS, Workers

log = logging.getLogger(__name__)

SLOW_SECONDS = 0.03  # a page takes five thousandths
MORE_THREADS = 3
GRACE_SECONDS = 0.05  # our own run ends at the deadline by itself; another's may have a later one


@dataclass(frozen=True, slots=True)
class Collector:
    """A named reader; ``read`` runs in a thread, returns fresh families, and may raise NoData.

    One whose ``default`` is False runs only where it is asked for by name; one that is ``own`` tells of the exporter
    itself, and runs even without the defaults.
    """

    name: str
    read: Callable[[], Iterable[Metric]]
    default: bool = True
    own: bool = False


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


class Run:
    """The collectors that one scrape started; others that want them meanwhile wait for the same."""

    def __init__(self, due: Mapping[str, Collector], clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        calls = {name: partial(read_timed, one, clock) for name, one in due.items()}
        # Nothing that the sweep keeps leads back to us: a page must not wait for the collector of cycles.
        self._sweep = Sweep(calls, partial(tell_loop, self._loop, self._ended))
        self._given_up = False
        self.began = clock.monotonic()

    @property
    def readings(self) -> Mapping[str, Reading]:
        return self._sweep.results

    def is_reading(self, name: str) -> bool:
        """Whether its collector is at work, or will be."""
        return self.is_stuck(name) or not (self._given_up or name in self.readings)

    def is_stuck(self, name: str) -> bool:
        """Whether its collector has not come back, though nobody waits for it any more."""
        return self._given_up and name in self._sweep.busy

    def start(self, workers: Workers, seconds: float) -> None:
        self.task = self._loop.create_task(self._drive(workers, seconds))

    async def _drive(self, workers: Workers, seconds: float) -> None:
        self._sweep.start(workers)
        if not await self._wait(min(SLOW_SECONDS, seconds)):
            self._sweep.start(workers, MORE_THREADS)
            await self._wait(seconds - SLOW_SECONDS)
        self._given_up = True
        self._sweep.give_up(workers)

    async def _wait(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        return self._ended.is_set()


def tell_loop(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """From a thread; the loop may have been closed while that was stuck."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)


class Runner:
    """Runs collectors, each once at a time: scrapes at the same time share its reading.

    ``names`` are all that can be asked for; a scrape that asks for none by name gets the ``defaults``.
    """

    def __init__(
        self, collectors: Sequence[Collector], clock: Clock, workers: Workers, defaults: Collection[str] | None = None
    ) -> None:
        self._collectors = {one.name: one for one in collectors}
        self._clock = clock
        self._workers = workers
        self._runs: dict[str, Run] = {}
        self._told: dict[str, str] = {}
        self.names = frozenset(self._collectors)
        self.defaults = self.names if defaults is None else frozenset(defaults)

    async def run(self, seconds: float, names: Collection[str] | None = None) -> tuple[Reading, ...]:
        """Readings in the table's order, no later than ``seconds`` from now."""
        runs = self._join_or_start(self.defaults if names is None else names, seconds)
        stuck = {name for name, run in runs.items() if run.is_stuck(name)}
        waited_for = {run.task for run in runs.values()}
        # Neither a deadline nor an impatient client ends a run that others may wait for.
        if waited_for:
            await asyncio.wait(waited_for, timeout=seconds + GRACE_SECONDS)
        states = {name: State.STUCK if name in stuck else State.TIMEOUT for name in runs}
        readings = tuple(self._conclude(name, run, states[name]) for name, run in runs.items())
        self._tell_changes(readings)
        return readings

    def _join_or_start(self, names: Collection[str], seconds: float) -> dict[str, Run]:
        """Each name's run, in the table's order."""
        wanted = [name for name in self._collectors if name in names]
        open_ = {name for name in wanted if name in self._runs and self._runs[name].is_reading(name)}
        due = {name: self._collectors[name] for name in wanted if name not in open_}
        if due:
            run = Run(due, self._clock)
            run.start(self._workers, seconds)
            self._runs |= dict.fromkeys(due, run)
        return {name: self._runs[name] for name in wanted}

    def _conclude(self, name: str, run: Run, otherwise: State) -> Reading:
        found = run.readings.get(name)
        return found or Reading(name, otherwise, self._clock.monotonic() - run.began)

    def _tell_changes(self, readings: Sequence[Reading]) -> None:
        """A collector that fails the same way at each scrape is one line, not one for each."""
        for one in readings:
            if one.error and self._told.get(one.collector) != one.error:
                log.warning("collector %s: %s", one.collector, one.error)
            self._told[one.collector] = one.error


def read_timed(collector: Collector, clock: Clock) -> Reading:
    """Run one collector; whatever it raises of the expected errors becomes its state.

    What a generator yielded before it raised stays on the page: ``lvm_up 0`` says more than nothing.
    """
    began = clock.monotonic()
    families: list[Metric] = []
    try:
        families.extend(collector.read())
    except NoData:
        return Reading(collector.name, State.NODATA, clock.monotonic() - began)
    except READ_ERRORS as error:
        text = f"{type(error).__name__}: {error}"
        return Reading(collector.name, State.ERROR, clock.monotonic() - began, tuple(families), text)
    return Reading(collector.name, State.OK, clock.monotonic() - began, tuple(families))


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
    return Family(
        "fleetmend_scrape_collector_state",
        "How each collector's part of this scrape ended: 1 for the state it is in.",
        "gauge",
        ["collector", "state"],
        [_state_piece(tuple((one.collector, one.state) for one in readings))],
    )


@lru_cache(maxsize=8)
def _state_piece(states: tuple[tuple[str, State], ...]) -> Piece:
    """The same as long as no state changes: there are five rows for each collector."""
    return Piece(list(one_hot([([name], state) for name, state in states], list(State))), lasting=True)
