"""From readings to bytes: families in order, the format that was asked for, compressed if that pays."""

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector as Registry

from exporter import __version__
from exporter.families import gauges
from exporter.runner import Reading, build_scrape_families, build_state_family

SMALLEST_TO_COMPRESS = 1024  # bytes; below, the header costs more than it saves
DEFAULT_SCRAPE_SECONDS = 10.0  # Prometheus' own default


class Snapshot(Registry):
    """Families that have been collected already, in the shape that the encoders ask for."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


@dataclass(frozen=True, slots=True)
class Page:
    """A body and its headers."""

    body: bytes
    headers: dict[str, str]


def build_families(readings: Sequence[Reading], *, node_names: bool) -> list[Metric]:
    """All families of a page in the order of their names; ``node_names`` adds node_exporter's scrape metrics."""
    families = [family for reading in readings for family in reading.families if family.samples]
    families += build_scrape_families(readings) if node_names else []
    families += [build_state_family(readings), build_info_family("exporter")]
    return sorted(families, key=lambda family: family.name)


def build_info_family(component: str) -> Metric:
    return gauges(
        "fleetmend_build_info",
        "What is running here; the value is always 1.",
        ["component", "version"],
        [([component, __version__], 1.0)],
    )


def render(families: Sequence[Metric], accept: str, encodings: str) -> Page:
    """Encode by the Accept and Accept-Encoding headers; text 0.0.4 uncompressed if neither says otherwise."""
    encode, content_type = choose_encoder(accept)
    body = encode(Snapshot(families))
    headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
    if len(body) < SMALLEST_TO_COMPRESS or not accepts_gzip(encodings):
        return Page(body, headers)
    # The fastest level: the next ones cost thirty times as much for a tenth less.
    return Page(gzip.compress(body, compresslevel=1, mtime=0), headers | {"Content-Encoding": "gzip"})


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
