"""Metrics that others wrote into ``*.prom`` files: cron jobs, health checks, scripts of the hardware's maker.

A bad file costs itself, never the page. Files are parsed only when they have changed.
"""

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.textfile_parse import Found, parse_prom
from exporter.families import Row, gauge, gauges
from exporter.workers import READ_ERRORS

log = logging.getLogger(__name__)

LARGEST = 16 * 1024 * 1024  # bytes: a store refuses pages that are larger
# A file that its writer has just replaced may have kept length and time; then its inode is another.
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Read:
    """One file as last read: what it holds, or why it was refused."""

    path: str
    stamp: Stamp
    families: tuple[Found, ...] = ()
    error: str = ""


class Textfiles:
    """Remembers each file by inode, size and time of change, and what was said of it in the log."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._files: dict[str, Read] = {}
        self._told: dict[str, str] = {}

    def read(self) -> list[Metric]:
        complaints: dict[str, str] = {}
        files: dict[str, Read] = {}
        for folder in self._folders:
            try:
                files |= {path: self._read_file(path) for path in list_files(folder)}
            except OSError as error:
                complaints[str(folder)] = str(error)
        self._files = files
        files = refuse_contradictions(files)
        complaints |= {one.path: one.error for one in files.values() if one.error}
        merged = Merged()
        for one in files.values():
            merged.add(one)
        families = list(merged.build())
        self._tell(complaints | merged.complaints)
        return [*families, *build_file_families(files, failed=bool(complaints) or merged.failed)]

    def _read_file(self, path: str) -> Read:
        """As remembered, if it has not changed."""
        known = self._files.get(path)
        try:
            stamp = stamp_of(os.stat(path))  # noqa: PTH116
            return known if known and known.stamp == stamp else read_file(path)
        except OSError as error:
            return Read(path, (0, 0, 0), error=str(error))

    def _tell(self, complaints: dict[str, str]) -> None:
        """Each once, until it is another."""
        for subject, complaint in complaints.items():
            if self._told.get(subject) != complaint:
                log.warning("textfile: %s: %s", subject, complaint)
        self._told = complaints


def list_files(folder: Path) -> list[str]:
    """Raises OSError for a folder that cannot be read."""
    return sorted(f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(".prom"))  # noqa: PTH208


def stamp_of(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns


def read_file(path: str) -> Read:
    """Raises OSError. The time is that of the file that was read, not of one that has replaced it since."""
    # A pipe without a writer would be waited for.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(file, "rb") as opened:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            return Read(path, stamp_of(status), error=f"not a file of at most {LARGEST} bytes")
        text = opened.read()
    try:
        return Read(path, stamp_of(status), tuple(parse_prom(text.decode())))
    except READ_ERRORS as error:
        return Read(path, stamp_of(status), error=f"{type(error).__name__}: {error}"[:300])


def refuse_contradictions(files: dict[str, Read]) -> dict[str, Read]:
    """Of two files that differ on the type of a metric the later one is refused, by the order of their names."""
    kinds: dict[str, tuple[str, str]] = {}
    settled = {}
    for path, one in files.items():
        wrong = next((f for f in one.families if kinds.get(f.exposed, (f.kind, ""))[0] != f.kind), None)
        if wrong:
            kind, first = kinds[wrong.exposed]
            settled[path] = replace(one, families=(), error=f"{wrong.exposed} is a {kind} in {first}")
            continue
        settled[path] = one
        for family in one.families:
            kinds.setdefault(family.exposed, (family.kind, path))
    return settled


class Merged:
    """Families of several files by name; the first file's help counts, and of two equal series the first."""

    def __init__(self) -> None:
        self._families: dict[str, list[tuple[str, Found]]] = {}
        self.complaints: dict[str, str] = {}
        self.failed = False

    def add(self, read: Read) -> None:
        """A family whose help differs from an earlier file's is left out."""
        for family in read.families:
            others = self._families.setdefault(family.exposed, [])
            help_text = next((other.text for _, other in others if other.text), "")
            if family.text and help_text and family.text != help_text:
                self.complaints[f"{read.path}: {family.exposed}"] = f"its help differs from that in {others[0][0]}"
                self.failed = True
                continue
            others.append((read.path, family))

    def build(self) -> Iterator[Metric]:
        for exposed, found in self._families.items():
            first = found[0][1]
            files = ", ".join(path for path, _ in found)
            text = next((family.text for _, family in found if family.text), f"Metric read from {files}")
            metric = Metric(first.name, text, first.kind)
            metric.samples = [sample for _, family in found for sample in family.samples]
            unique = {(one.name, tuple(sorted(one.labels.items()))): one for one in reversed(metric.samples)}
            if len(unique) < len(metric.samples):
                self.complaints[exposed] = f"a series more than once in {files}"
                metric.samples = list(reversed(unique.values()))
            yield metric


def build_file_families(files: dict[str, Read], *, failed: bool) -> list[Metric]:
    times: list[Row] = [((path,), float(one.stamp[2] // 10**9)) for path, one in files.items() if not one.error]
    return [
        gauges("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.", ["file"], times),
        gauge(
            "node_textfile_scrape_error",
            "1 if there was an error opening or reading a file, 0 otherwise",
            float(failed),
        ),
    ]
