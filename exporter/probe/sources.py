"""Where our own targets are listed: http_sd and file_sd. What cannot be read changes nothing: the last list stays."""

import logging
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Protocol

import aiohttp
from prometheus_client.metrics_core import Metric

from exporter.checks import hide_password
from exporter.clock import Clock
from exporter.families import counters, gauges
from exporter.probe.flags import OwnSettings
from exporter.probe.groups import Checks, Group, build_checks, parse_json, parse_yaml
from exporter.probe.modules import Module

log = logging.getLogger(__name__)

REFRESH_HEADER = "X-Prometheus-Refresh-Interval-Seconds"
LOOK_SECONDS = 1.0  # how often files are looked at
FETCH_SECONDS = 10.0
MOST_BYTES = 64 << 20
SHORTEST_REFRESH, LONGEST_REFRESH = 1.0, 3600.0
MOST_PROBLEMS = 5  # that are written out


class Source(Protocol):
    """One list; ``checks`` is its last good one."""

    kept: "Kept"

    async def run(self, on_change: Callable[[], None]) -> None:
        """Read for ever; ``on_change`` is called after each new list."""
        ...


class Kept:
    """The last good list of one source, and how reading it goes."""

    def __init__(self, name: str, modules: Mapping[str, Module], clock: Clock) -> None:
        self.name = name
        self._modules = modules
        self._clock = clock
        self._told = ""
        self.list = Checks()
        self.read_at = 0.0
        self.failures = 0

    def take(self, groups: Sequence[Group]) -> None:
        self.list = build_checks(groups, self._modules)
        self.read_at = self._clock.now()
        problems = self.list.problems
        self._tell("; ".join(problems[:MOST_PROBLEMS]) + f" ({len(problems)} in all)" if problems else "")

    def fail(self, text: str) -> None:
        """The last list stays."""
        self.failures += 1
        self._tell(text)

    def _tell(self, text: str) -> None:
        if text != self._told:
            log.warning("targets of %s: %s", self.name, text or "well again")
            self._told = text


class FileSource:
    """file_sd: JSON or YAML, read again whenever it has changed."""

    def __init__(
        self, path: Path, modules: Mapping[str, Module], clock: Clock, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._path = path
        self._clock = clock
        self._look_seconds = look_seconds
        self._seen: object = None
        self.kept = Kept(str(path), modules, clock)

    async def run(self, on_change: Callable[[], None]) -> None:
        while True:
            if self._look():
                on_change()
            await self._clock.sleep(self._look_seconds)

    def _look(self) -> bool:
        """Whether there is a new list."""
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return False
            parse = parse_json if self._path.suffix == ".json" else parse_yaml
            groups = parse(self._path.read_bytes())
        except OSError as error:
            self._seen = None
            self.kept.fail(error.strerror or str(error))
            return False
        except ValueError as error:
            self._seen = seen
            self.kept.fail(str(error))
            return False
        self._seen = seen
        self.kept.take(groups)
        return True


class HttpSource:
    """http_sd; the other side may say how soon it wants to be asked again."""

    def __init__(self, url: str, name: str, refresh: float, modules: Mapping[str, Module], clock: Clock) -> None:
        self._url = url
        self._refresh = refresh
        self._clock = clock
        self._body = b""
        self.kept = Kept(name, modules, clock)

    async def run(self, on_change: Callable[[], None]) -> None:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        headers = {"Accept": "application/json", REFRESH_HEADER: f"{self._refresh:g}"}
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            while True:
                await self._clock.sleep(await self._refresh_list(session, on_change))

    async def _refresh_list(self, session: aiohttp.ClientSession, on_change: Callable[[], None]) -> float:
        """Ask once; how many seconds to wait before the next time."""
        wait = self._refresh
        try:
            body, wait = await self._fetch(session)
            if body != self._body:
                self.kept.take(parse_json(body))
                self._body = body
                on_change()
            self.kept.read_at = self._clock.now()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self.kept.fail(describe(error))
        return wait

    async def _fetch(self, session: aiohttp.ClientSession) -> tuple[bytes, float]:
        """The list, and how many seconds to wait before the next."""
        async with session.get(self._url) as answer:
            if answer.status != 200:
                raise ValueError(f"it answered {answer.status}")
            body = await answer.content.read(MOST_BYTES + 1)
            while len(body) <= MOST_BYTES and (more := await answer.content.read(MOST_BYTES)):
                body += more
            if len(body) > MOST_BYTES:
                raise ValueError(f"it answered more than {MOST_BYTES} bytes")
            return body, parse_refresh(answer.headers.get(REFRESH_HEADER, ""), self._refresh)


def parse_refresh(header: str, default: float) -> float:
    """Seconds, within bounds; the default for what is no number."""
    try:
        seconds = float(header)
    except ValueError:
        return default
    return min(LONGEST_REFRESH, max(SHORTEST_REFRESH, seconds)) if isfinite(seconds) else default


def describe(error: Exception) -> str:
    """Without the URL, which may hold a password."""
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
        return str(error)
    return type(error).__name__


def build_sources(settings: OwnSettings, modules: Mapping[str, Module], clock: Clock) -> list[Source]:
    files: list[Source] = [FileSource(path, modules, clock) for path in settings.files]
    named = zip(settings.urls, name_urls(settings.urls), strict=True)
    return files + [HttpSource(url, name, settings.refresh, modules, clock) for url, name in named]


def name_urls(urls: Sequence[str]) -> list[str]:
    """What the page may show of each: no secret, and each name once, though their queries made the difference."""
    shown = [hide_password(url) for url in urls]
    counts = [shown[: place + 1].count(name) for place, name in enumerate(shown)]
    return [name if count == 1 else f"{name}#{count}" for name, count in zip(shown, counts, strict=True)]


def build_source_families(kept: Sequence[Kept]) -> list[Metric]:
    """How reading each list goes."""
    return [
        gauges(
            "probe_vantage_targets",
            "Targets of this prober's own lists.",
            ("source",),
            [((one.name,), float(len(one.list.checks))) for one in kept],
        ),
        gauges(
            "probe_vantage_targets_refused",
            "Listed targets that cannot be asked: an unknown module, a label that is taken, no port.",
            ("source",),
            [((one.name,), float(len(one.list.problems))) for one in kept],
        ),
        gauges(
            "probe_vantage_targets_read_timestamp_seconds",
            "When the list was last read, in unix seconds; 0 if never.",
            ("source",),
            [((one.name,), one.read_at) for one in kept],
        ),
        counters(
            "probe_vantage_targets_failures_total",
            "How often the list could not be read; the last one stays in force.",
            ("source",),
            [((one.name,), float(one.failures)) for one in kept],
        ),
    ]
