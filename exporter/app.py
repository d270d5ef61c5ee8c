"""The composition root: which modules a process has, and what they are made of."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock, SystemClock
from exporter.errors import BadStart
from exporter.kit import Kit
from exporter.page import build_families
from exporter.reader.client import build_ask
from exporter.runner import Collector, Runner
from exporter.settings import Settings
from exporter.table import DISK, HOST, PAGE, build_collectors
from exporter.web.listen import address_of, list_urls, open_listeners
from exporter.web.pages import Answer, Pages
from exporter.web.scrape import Collect, Source
from exporter.web.server import build_guard, serve
from exporter.workers import Workers

# What is done to a page's families, in a thread, before they are written.
Trim = Callable[[Sequence[Metric]], Sequence[Metric]]

SELDOM = 5_000


@dataclass(frozen=True, slots=True)
class Part:
    """What a module adds: collectors for the page, work beside it, and a last look at the page."""

    collectors: list[Collector]
    work: list[Coroutine[Any, Any, None]] = field(default_factory=list)
    trims: list[Trim] = field(default_factory=list)
    # Pages of its own, by their path.
    answers: dict[str, Answer] = field(default_factory=dict)


# The modules below import what they need when they are asked for: a host's exporter stays small.


def host_part(settings: Settings, clock: Clock, _address: str) -> Part:
    return Part(build_collectors(HOST, build_kit(settings, clock)))


def disk_part(settings: Settings, clock: Clock, _address: str) -> Part:
    return Part(build_collectors(DISK, build_kit(settings, clock)))


def build_kit(settings: Settings, clock: Clock) -> Kit:
    return Kit(settings.places, clock, build_ask(settings.reader.socket, clock))


def orchestrator_part(settings: Settings, clock: Clock, _address: str) -> Part:
    from exporter.loop_lag import LoopLag
    from exporter.orchestrator.collector import Orchestrator
    from exporter.orchestrator.feed import build_fetch
    from exporter.orchestrator.table import build_table
    from exporter.orchestrator.trim import trim

    if settings.orchestrator is None:
        raise BadStart("orchestrator: its flags are missing")
    fetch = build_fetch(settings.orchestrator.state_url, token_file=settings.orchestrator.token_file)
    table = build_table(Orchestrator(fetch, clock))
    lag = LoopLag(clock)
    collectors = [*build_collectors(table, build_kit(settings, clock)), Collector("loop_lag", lag.read)]
    return Part(collectors, [lag.run()], [partial(trim, limit=settings.orchestrator.max_page_bytes)])


def probe_part(settings: Settings, clock: Clock, address: str) -> Part:
    from exporter.probe.build import build_probe_part

    if settings.probe is None:
        raise BadStart("probe: its flags are missing")
    part = build_probe_part(settings.probe, settings.places.procfs, address, clock)
    return Part([Collector("probe", part.read)], [part.work], answers={"/probe": part.answer})


def store_part(settings: Settings, clock: Clock, _address: str) -> Part:
    from exporter.store.service import Watcher

    if settings.store is None:
        raise BadStart("store: its flags are missing")
    watcher = Watcher(settings.store, clock)
    return Part([Collector("store", watcher.memory.read)], [watcher.run()])


# One line for each module.
MODULES: dict[str, Callable[[Settings, Clock, str], Part]] = {
    "host": host_part,
    "disk": disk_part,
    "orchestrator": orchestrator_part,
    "probe": probe_part,
    "store": store_part,
}
HOST_MODULES = frozenset({"host", "disk"})


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadStart for what cannot work."""
    with open_listeners(settings.web.listen) as listeners:
        await run_on(listeners, settings)


async def run_on(listeners: Sequence[socket.socket], settings: Settings) -> None:
    clock, workers, stopped = SystemClock(), Workers(), asyncio.Event()
    guard = build_guard(settings.web.config_file, clock) if settings.web.config_file else None
    parts = [MODULES[name](settings, clock, str(address_of(listeners[0]))) for name in settings.modules]
    if guard:
        parts.append(Part([Collector("web", guard.live.read, own=True)]))
    pusher = None
    if settings.push:
        from exporter.push.build import build_pusher

        pusher = build_pusher(settings.push, clock)
        parts.append(Part([Collector("push", pusher.read, own=True)]))
    runner = build_runner(settings, parts, clock, workers)
    trims = [trim for part in parts for trim in part.trims]
    collect = build_collect(runner, workers, trims, on_host=bool(HOST_MODULES & set(settings.modules)))
    work = [work for part in parts for work in part.work]
    if pusher:
        work.append(pusher.run(lambda seconds: collect(seconds, None)))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    source = Source(collect, runner.names, runner.defaults)
    pages = Pages(settings.web, settings.modules, source, workers, guard)
    for part in parts:
        pages.add(part.answers)
    # Scripts wait for this line, and take the port from it.
    urls = list_urls(listeners, settings.web.path, tls=guard is not None and guard.live.is_tls)
    print(f"fleetmend-exporter: {', '.join(settings.modules)} on {urls}", flush=True)  # noqa: T201
    leave_garbage_to_rest()
    await run_until_first_ends([serve(pages, listeners, stopped), *work])


def leave_garbage_to_rest() -> None:
    """A page is made of thousands of objects, none in a cycle: looking for those at each scrape is a tenth of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)


def build_collect(runner: Runner, workers: Workers, trims: Sequence[Trim], *, on_host: bool) -> Collect:
    """The page's families, of all that run by default or of those named, within so many seconds."""

    async def collect(seconds: float, names: frozenset[str] | None = None) -> Sequence[Metric]:
        families: Sequence[Metric] = build_families(await runner.run(seconds, names), node_names=on_host)
        for trim in trims:
            families = await asyncio.wrap_future(workers.submit(partial(trim, families)))
        return families

    return collect


def build_runner(settings: Settings, parts: Sequence[Part], clock: Clock, workers: Workers) -> Runner:
    on_host = HOST_MODULES & set(settings.modules)
    collectors = [one for part in parts for one in part.collectors]
    collectors += [replace(one, own=True) for one in build_collectors(PAGE, build_kit(settings, clock)) if on_host]
    kept = settings.choice.keep(collectors)
    return Runner(kept, clock, workers, {one.name for one in kept if settings.choice.runs(one)})


async def run_until_first_ends(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """The server ends when it is told to, any other only by failing: either way the rest is cancelled."""
    tasks = [asyncio.create_task(one) for one in work]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()
