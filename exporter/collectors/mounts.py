"""Mount points, from /proc/1/mounts, and their sizes by statvfs(3)."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from exporter.places import Places

ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table."""

    device: str
    mountpoint: str
    fstype: str
    options: frozenset[str]

    @property
    def readonly(self) -> bool:
        return "ro" in self.options


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes and file nodes of a filesystem; ``avail`` is what is left for users other than root."""

    size: float
    free: float
    avail: float
    files: float
    files_free: float


def parse_mounts(text: str) -> list[Mount]:
    """In the table's order; ``\\040`` and the like are the characters they stand for."""
    rows = (line.split() for line in text.splitlines() if line.strip())
    return [Mount(row[0], _unescape(row[1]), row[2], frozenset(row[3].split(","))) for row in rows]


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda found: chr(int(found.group(1), 8)), text)


def strip_root(mountpoint: str, rootfs: Path) -> str:
    """The mount point as seen from within ``rootfs``: what is mounted on it is "/"."""
    prefix = str(rootfs).rstrip("/")
    if mountpoint != prefix and not mountpoint.startswith(f"{prefix}/"):
        return mountpoint
    return mountpoint.removeprefix(prefix) or "/"


def read_mounts(places: Places) -> list[Mount]:
    """The mounts that are wanted, of the first process's table or, where that may not be read, of our own."""
    try:
        text = (places.procfs / "1" / "mounts").read_text()
    except OSError:
        text = (places.procfs / "self" / "mounts").read_text()
    points, kinds = re.compile(places.exclude.mounts), re.compile(places.exclude.filesystems)
    mounts = [
        Mount(one.device, strip_root(one.mountpoint, places.rootfs), one.fstype, one.options)
        for one in parse_mounts(text)
    ]
    return [one for one in mounts if not points.search(one.mountpoint) and not kinds.search(one.fstype)]


def read_usage(path: Path) -> Usage:
    """May sleep for ever on a dead disk or network filesystem: call it in a thread that may be abandoned."""
    found = os.statvfs(path)
    unit = found.f_frsize
    return Usage(
        float(found.f_blocks * unit),
        float(found.f_bfree * unit),
        float(found.f_bavail * unit),
        float(found.f_files),
        float(found.f_ffree),
    )
