"""Asks the remediator on each scrape; an unchanged state is neither sent nor counted again."""

import http.client
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import gauge
from exporter.orchestrator.hosts import build_host_families, build_room_families
from exporter.orchestrator.service import build_api_families, build_placement_families
from exporter.orchestrator.state import State, parse_state
from exporter.orchestrator.work import (
    build_age_families,
    build_machine_families,
    build_request_families,
    build_volume_families,
)

# One line for each part of the page.
PARTS: tuple[Callable[[State], list[Metric]], ...] = (
    build_host_families,
    build_room_families,
    build_machine_families,
    build_volume_families,
    build_request_families,
    build_placement_families,
    build_api_families,
)
FETCH_SECONDS = 2.0
UP_TEXT = "Whether the remediator answered; if not, nothing else is said of the orchestrator here."

# The body of GET /internal/state for a path with its query; raises OSError or ValueError.
Fetch = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest state and the families that follow from it alone."""

    state: State
    families: tuple[Metric, ...]


class Orchestrator:
    """Keeps the last state while the remediator says that it is still the newest, and not a moment longer."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: Kept | None = None

    def read(self) -> list[Metric]:
        try:
            self._kept = self._next_kept()
        except (OSError, ValueError, http.client.HTTPException):
            # A restarted remediator counts anew: its numbers mean nothing to those from before.
            self._kept = None
            return [gauge("fleetmend_orchestrator_up", UP_TEXT, 0.0)]
        ages = build_age_families(self._kept.state, self._clock.now())
        return [gauge("fleetmend_orchestrator_up", UP_TEXT, 1.0), *self._kept.families, *ages]

    def _next_kept(self) -> Kept:
        since = f"?since={self._kept.state.sequence}" if self._kept else ""
        state = parse_state(self._fetch(f"/internal/state{since}"))
        if self._kept and state.unchanged:
            return self._kept
        if state.unchanged:
            raise ValueError("the remediator says unchanged to one who has nothing")
        return Kept(state, tuple(family for part in PARTS for family in part(state)))


def build_fetch(url: str, timeout: float = FETCH_SECONDS) -> Fetch:
    """A fetch from the remediator at ``url``, http or https."""
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    host, port, prefix = parts.hostname or "", parts.port, parts.path.rstrip("/")

    def fetch(path: str) -> bytes:
        asked = connection(host, port, timeout=timeout)
        try:
            asked.request("GET", prefix + path, headers={"Accept": "application/json"})
            answer = asked.getresponse()
            body = answer.read()
        finally:
            asked.close()
        if answer.status != http.client.OK:
            raise ValueError(f"the remediator answered {answer.status}")
        return body

    return fetch
