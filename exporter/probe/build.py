"""The module's parts put together for the composition root."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.probe.endpoint import Endpoint
from exporter.probe.flags import ProbeSettings
from exporter.probe.gateway import check_gateway
from exporter.probe.modules_file import load_modules
from exporter.probe.page import ProbePage
from exporter.probe.prober import Prober
from exporter.probe.service import run_probe
from exporter.probe.sources import build_sources


@dataclass(frozen=True, slots=True)
class ProbePart:
    """A reader for the page, work that goes on beside it, and what answers /probe."""

    read: Callable[[], Sequence[Metric]]
    work: Coroutine[Any, Any, None]
    answer: Callable[[web.BaseRequest], Awaitable[web.Response]]


def build_probe_part(settings: ProbeSettings, procfs: Path, address: str, clock: Clock) -> ProbePart:
    """``address`` is where we listen. Raises BadStart with everything that is wrong with the modules file."""
    modules = load_modules(settings.own.modules_file)
    sources = build_sources(settings.own, modules, clock)
    prober = Prober(settings.name, clock, partial(check_gateway, procfs))
    return ProbePart(
        ProbePage(prober, clock, [source.kept for source in sources]).read,
        run_probe(settings, prober, settings.advertise or address, clock, sources),
        Endpoint(prober, modules, clock).answer,
    )
