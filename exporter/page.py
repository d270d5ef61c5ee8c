"""From readings to bytes: families in order, the format that was asked for, compressed if that pays."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from prometheus_client.metrics_core import Metric

from exporter import __version__
from exporter.clashes import settle_clashes
from exporter.compress import gzip_stretches
from exporter.families import count_rows, gauges
from exporter.render import choose_format, render_stretches
from exporter.runner import Reading, build_scrape_families, build_state_family
from exporter.workers import Workers

SMALLEST_TO_COMPRESS = 1024  # bytes; below, the header costs more than it saves
MOST_ROWS_IN_LOOP = 5_000  # some two milliseconds
DEFAULT_SCRAPE_SECONDS = 10.0  # Prometheus' own default


@dataclass(frozen=True, slots=True)
class Page:
    """A body and its headers."""

    body: bytes
    headers: dict[str, str]


def build_families(readings: Sequence[Reading], *, node_names: bool) -> list[Metric]:
    """All families of a page in the order of their names; ``node_names`` adds node_exporter's scrape metrics."""
    families = [family for reading in readings for family in reading.families if count_rows(family)]
    families += build_scrape_families(readings) if node_names else []
    families += [build_state_family(readings), build_info_family("exporter")]
    return sorted(settle_clashes(families), key=lambda family: family.name)


def build_info_family(component: str) -> Metric:
    return gauges(
        "fleetmend_build_info",
        "What is running here; the value is always 1.",
        ["component", "version"],
        [([component, __version__], 1.0)],
    )


def render(families: Sequence[Metric], accept: str, encodings: str) -> Page:
    """Encode by the Accept and Accept-Encoding headers; text 0.0.4 uncompressed if neither says otherwise."""
    form = choose_format(accept)
    headers = {"Content-Type": form.content_type, "Vary": "Accept, Accept-Encoding"}
    stretches = render_stretches(families, form)
    size = sum(len(one.text) for one in stretches)
    if size < SMALLEST_TO_COMPRESS or not accepts_gzip(encodings):
        return Page(b"".join(one.text for one in stretches), headers)
    return Page(gzip_stretches(stretches), headers | {"Content-Encoding": "gzip"})


async def render_page(families: Sequence[Metric], accept: str, encodings: str, workers: Workers) -> Page:
    """As ``render``; a page that takes long to write is written in a thread, beside the event loop."""
    if sum([count_rows(family) for family in families]) <= MOST_ROWS_IN_LOOP:
        return render(families, accept, encodings)
    return await asyncio.wrap_future(workers.submit(partial(render, families, accept, encodings)))


def accepts_gzip(encodings: str) -> bool:
    """Whether an Accept-Encoding header allows gzip; ``gzip;q=0`` forbids it."""
    for part in encodings.split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def parse_deadline(header: str) -> float:
    """Seconds a scrape may take, by X-Prometheus-Scrape-Timeout-Seconds less a margin for rendering and sending."""
    try:
        allowed = float(header)
    except ValueError:
        allowed = DEFAULT_SCRAPE_SECONDS
    if not 0 < allowed < float("inf"):
        allowed = DEFAULT_SCRAPE_SECONDS
    return allowed - min(0.5, allowed / 4)
