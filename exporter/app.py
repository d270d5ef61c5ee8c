"""The composition root: which modules a process has, and what they are made of."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock, SystemClock
from exporter.errors import BadStart
from exporter.kit import Kit
from exporter.page import build_families
from exporter.runner import Collector, Runner
from exporter.server import build_app, open_listener, serve
from exporter.settings import Settings
from exporter.table import DISK, HOST, PAGE, build_collectors
from exporter.workers import Workers


@dataclass(frozen=True, slots=True)
class Part:
    """What a module adds: collectors for the page, and work beside it."""

    collectors: list[Collector]
    work: list[Coroutine[Any, Any, None]] = field(default_factory=list)


# The modules below import what they need when they are asked for: a host's exporter stays small.


def host_part(settings: Settings, clock: Clock, _address: str) -> Part:
    return Part(build_collectors(HOST, Kit(settings.places, clock)))


def disk_part(settings: Settings, clock: Clock, _address: str) -> Part:
    return Part(build_collectors(DISK, Kit(settings.places, clock)))


def orchestrator_part(settings: Settings, clock: Clock, _address: str) -> Part:
    from exporter.orchestrator.collector import Orchestrator, build_fetch

    return Part([Collector("orchestrator", Orchestrator(build_fetch(settings.state_url), clock).read)])


def probe_part(settings: Settings, clock: Clock, address: str) -> Part:
    from exporter.probe.gateway import check_gateway
    from exporter.probe.page import read_probe_page
    from exporter.probe.prober import Prober
    from exporter.probe.service import run_probe

    if settings.probe is None:
        raise BadStart("probe: its flags are missing")
    prober = Prober(settings.probe.name, clock, partial(check_gateway, settings.places.procfs))
    work = run_probe(settings.probe, prober, settings.probe.advertise or address, clock)
    return Part([Collector("probe", partial(read_probe_page, prober, clock))], [work])


# One line for each module.
MODULES: dict[str, Callable[[Settings, Clock, str], Part]] = {
    "host": host_part,
    "disk": disk_part,
    "orchestrator": orchestrator_part,
    "probe": probe_part,
}
HOST_MODULES = frozenset({"host", "disk"})


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadStart for what cannot work."""
    listener = open_listener(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    clock, workers, stopped = SystemClock(), Workers(), asyncio.Event()
    parts = [MODULES[name](settings, clock, f"{host}:{port}") for name in settings.modules]
    collect = build_collect(settings, parts, clock, workers)
    work = [work for part in parts for work in part.work]
    if settings.push:
        from exporter.push import run_pusher

        work.append(run_pusher(settings.push, collect, clock, workers))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    # Scripts wait for this line, and take the port from it.
    print(f"fleetmend-exporter: {', '.join(settings.modules)} on http://{host}:{port}/metrics", flush=True)  # noqa: T201
    await run_until_first_ends([serve(build_app(collect, settings.modules), listener, stopped), *work])


def build_collect(
    settings: Settings, parts: Sequence[Part], clock: Clock, workers: Workers
) -> Callable[[float], Coroutine[Any, Any, Sequence[Metric]]]:
    """The whole page's families, no later than so many seconds from now."""
    on_host = bool(HOST_MODULES & set(settings.modules))
    collectors = [one for part in parts for one in part.collectors]
    runner = Runner(
        collectors + (build_collectors(PAGE, Kit(settings.places, clock)) if on_host else []), clock, workers
    )

    async def collect(seconds: float) -> Sequence[Metric]:
        return build_families(await runner.run(seconds), node_names=on_host)

    return collect


async def run_until_first_ends(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """The server ends when it is told to, any other only by failing: either way the rest is cancelled."""
    tasks = [asyncio.create_task(one) for one in work]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()
