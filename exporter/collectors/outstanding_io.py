"""Block devices that have been given work and finish none of it, from /proc/diskstats."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.collectors.files import read_text
from exporter.families import gauges

NAME, OUTSTANDING = 2, 11
# Reads, writes, discards and flushes completed; older kernels have no column for the last two.
COMPLETED = (slice(3, 4), slice(7, 8), slice(14, 15), slice(18, 19))


class Progress(NamedTuple):
    """What has been completed, in the kernel's words, for only its change counts."""

    completed: tuple[str, ...]
    outstanding: bool


def parse_progress(text: str) -> dict[str, Progress]:
    """By device, in the file's order."""
    rows = (line.split() for line in text.splitlines())
    return {
        row[NAME]: Progress(tuple(row[part][0] for part in COMPLETED if row[part]), row[OUTSTANDING] != "0")
        for row in rows
        if row
    }


class OutstandingIo:
    """Remembers since when each device has been seen at work without finishing any, for the kernel does not tell."""

    def __init__(self, procfs: Path, clock: Clock, exclude: str) -> None:
        self._path = f"{procfs}/diskstats"
        self._clock = clock
        self._exclude = re.compile(exclude)
        self._since: Mapping[str, tuple[Progress, float]] = {}

    def read(self) -> list[Metric]:
        now = self._clock.monotonic()
        found = parse_progress(read_text(self._path))
        seen = {name: one for name, one in found.items() if not self._exclude.search(name)}
        self._since = {name: (one, self._since_when(name, one, now)) for name, one in seen.items() if one.outstanding}
        return build_stall_families(
            {name: now - self._since[name][1] if name in self._since else 0.0 for name in seen}
        )

    def _since_when(self, name: str, progress: Progress, now: float) -> float:
        known = self._since.get(name)
        return known[1] if known and known[0] == progress else now


def build_stall_families(stalled: Mapping[str, float]) -> list[Metric]:
    return [
        gauges(
            "fleetmend_disk_stalled_seconds",
            "How long this exporter has seen I/O outstanding on the device without a read, write, discard or flush "
            "completing; 0 if one completed since the scrape before, or nothing is outstanding.",
            ["device"],
            [((name,), seconds) for name, seconds in stalled.items()],
        )
    ]
