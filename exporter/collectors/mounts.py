"""Mount points, from /proc/1/mountinfo, and their sizes by statvfs(3)."""

import os
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from exporter.collectors.files import read_text
from exporter.places import Exclusions, Places

ROOT = Path("/")
ESCAPED = re.compile(r"\\([0-7]{3})")
# Since Linux 6.14 an ext4 that its errors made read-only still says "rw", and "emergency_ro" beside it.
READONLY = frozenset({"ro", "emergency_ro"})


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table; ``number`` is the filesystem's (``254:0``), with all its mounts in common.

    ``options`` are those of the mount and those of the filesystem.
    """

    device: str
    mountpoint: str
    fstype: str
    options: frozenset[str]
    number: str = ""

    @property
    def readonly(self) -> bool:
        return not READONLY.isdisjoint(self.options)


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
    return [_parse_mount(line) for line in text.splitlines() if line.strip()]


def _parse_mount(line: str) -> Mount:
    mount, _, filesystem = line.partition(" - ")
    _, _, number, _, point, options = mount.split(" ")[:6]
    fstype, device, more = filesystem.split(" ")
    return Mount(_unescape(device), _unescape(point), fstype, frozenset(f"{options},{more}".split(",")), number)


def _unescape(text: str) -> str:
    return ESCAPED.sub(_unescape_one, text) if "\\" in text else text


def _unescape_one(found: re.Match[str]) -> str:
    return chr(int(found.group(1), 8))


def strip_root(mountpoint: str, rootfs: Path) -> str:
    """The mount point as seen from within ``rootfs``: what is mounted on it is "/"."""
    prefix = str(rootfs).rstrip("/")
    if mountpoint != prefix and not mountpoint.startswith(f"{prefix}/"):
        return mountpoint
    return mountpoint.removeprefix(prefix) or "/"


def read_mounts(places: Places) -> tuple[Mount, ...]:
    """The mounts that are wanted, of the first process's table or, where that may not be read, of our own."""
    try:
        text = read_text(f"{places.procfs}/1/mountinfo")
    except OSError:
        text = read_text(f"{places.procfs}/self/mountinfo")
    return choose_mounts(text, places.rootfs, places.exclude)


@lru_cache(maxsize=2)
def choose_mounts(text: str, rootfs: Path, exclude: Exclusions) -> tuple[Mount, ...]:
    """What is not excluded. Most scrapes find the table as the one before left it."""
    points, kinds = re.compile(exclude.mounts), re.compile(exclude.filesystems)
    wanted = [one for one in parse_mounts(text) if not kinds.search(one.fstype)]
    if rootfs != ROOT:
        wanted = [replace(one, mountpoint=strip_root(one.mountpoint, rootfs)) for one in wanted]
    return tuple(one for one in wanted if not points.search(one.mountpoint))


def read_usage(path: str) -> Usage:
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
