"""The web configuration that holds now: read anew for each connection and request, and never from a broken file."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import gauge
from exporter.nodes import BadConfig, Findings
from exporter.web.config import TLS, TLSSettings, WebConfig, read_config
from exporter.web.tls import build_context, find_differences
from exporter.workers import Workers

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.25  # for files on a disk that does not answer

Stamp = tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file's settings, ready for use; ``context`` is None for plain HTTP."""

    config: WebConfig
    context: ssl.SSLContext | None = None
    differences: list[str] = field(default_factory=list)


def load(path: Path) -> Loaded:
    """Raises BadConfig with everything wrong."""
    config, findings = read_config(path)
    if config.tls is None:
        return Loaded(config)
    context = build_context(config.tls, path.parent, findings)
    differences = Findings(findings.file, places=findings.places)
    find_differences(config.tls, differences)
    return Loaded(config, context, differences.lines())


def list_files(path: Path, config: WebConfig) -> list[Path]:
    """The file itself and those that it names."""
    tls = config.tls or TLSSettings()
    return [path, *(path.parent / name for name in (tls.cert_file, tls.key_file, tls.client_ca_file) if name)]


def stamp_files(paths: Sequence[Path]) -> list[Stamp]:
    """What changes with a file's content; None for one that is not there."""
    return [stamp(path) for path in paths]


def stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def protections(loaded: Loaded) -> set[str]:
    """What stands between a client and the page."""
    tls = loaded.config.tls or TLSSettings()
    found = {
        TLS: loaded.context is not None,
        "basic_auth_users": bool(loaded.config.users),
        "client_auth_type": loaded.context is not None and loaded.context.verify_mode is ssl.CERT_REQUIRED,
        "client_allowed_sans": tls.client_allowed_sans is not None,
    }
    return {name for name, there in found.items() if there}


class LiveConfig:
    """The newest good state of a web configuration file; files are only touched in a thread.

    A change that is broken is told, and is none: a slip of the pen must not blind the monitoring of a whole fleet.
    Nor is one that takes a protection away, for so looks a file that is half written. That needs a restart.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Raises BadConfig with everything wrong."""
        self._path = path
        self._clock = clock
        self._thread = Workers(size=1)
        self._look: asyncio.Future[None] | None = None
        self._late = False
        self._files = [path]
        self._stamps: list[Stamp] = []
        self._loaded = load(path)
        self._loaded_at = clock.now()
        self.broken = ""
        self._tell_differences([])

    @property
    def is_tls(self) -> bool:
        """Never changes while we run."""
        return self._loaded.context is not None

    async def newest(self) -> Loaded:
        """What holds now, or what held before if the files cannot be looked at in time."""
        if self._look is None or self._look.done():
            self._look, self._late = asyncio.wrap_future(self._thread.submit(self._look_for_change)), False
        if not self._late:
            await asyncio.wait([self._look], timeout=PATIENCE_SECONDS)
            self._late = not self._look.done()
        return self._loaded

    def _look_for_change(self) -> None:
        stamps = stamp_files(self._files)
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            loaded = load(self._path)
        except BadConfig as error:
            self._refuse(str(error))
            return
        files = list_files(self._path, loaded.config)
        if files != self._files:
            # Stamps count from before the reading: these will, from the next time on.
            self._files, self._stamps = files, []
        self._accept(loaded)

    def _accept(self, loaded: Loaded) -> None:
        lost = protections(self._loaded) ^ protections(loaded)
        lost -= protections(loaded) - {TLS}
        if lost:
            self._refuse(f"{self._path}:1:1: {', '.join(sorted(lost))}: turning this on or off needs a restart")
            return
        if self.broken:
            log.warning("%s: good again", self._path)
        told = self._loaded.differences
        self._loaded, self._loaded_at, self.broken = loaded, self._clock.now(), ""
        self._tell_differences(told)

    def _refuse(self, reason: str) -> None:
        if reason != self.broken:
            log.error("%s\nwhat was read before stays in force", reason)
        self.broken = reason

    def _tell_differences(self, told: Sequence[str]) -> None:
        for line in self._loaded.differences:
            if line not in told:
                log.warning("%s", line)

    def read(self) -> list[Metric]:
        """How it stands with the file, for the page."""
        return build_live_families(self._loaded_at, ok=not self.broken)


def build_live_families(loaded_at: float, *, ok: bool) -> list[Metric]:
    return [
        gauge(
            "fleetmend_web_config_last_reload_successful",
            "Whether the web configuration file as it is now could be used; if not, an older state is in force.",
            float(ok),
        ),
        gauge(
            "fleetmend_web_config_last_reload_success_timestamp_seconds",
            "When the web configuration that is in force was read, in unix seconds.",
            loaded_at,
        ),
    ]
