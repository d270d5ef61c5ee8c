"""Sizes of mounted filesystems; a mount that does not answer is reported and left alone until it does."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.collectors.mounts import Mount, Usage, read_mounts, read_usage
from exporter.families import gauges
from exporter.places import Places
from exporter.sweep import Sweep
from exporter.workers import Workers

SLOW_SECONDS = 0.02  # all mounts of a healthy host take a thousandth
MOST_STUCK = 16  # calls outstanding; from there on only mounts are asked that have answered before

LABELS = ("device", "mountpoint", "fstype")
SIZES: tuple[tuple[str, str, Callable[[Usage], float]], ...] = (
    ("node_filesystem_size_bytes", "Filesystem size in bytes.", lambda usage: usage.size),
    ("node_filesystem_free_bytes", "Filesystem free space in bytes.", lambda usage: usage.free),
    (
        "node_filesystem_avail_bytes",
        "Filesystem space available to non-root users in bytes.",
        lambda usage: usage.avail,
    ),
    ("node_filesystem_files", "Filesystem total file nodes.", lambda usage: usage.files),
    ("node_filesystem_files_free", "Filesystem total free file nodes.", lambda usage: usage.files_free),
)


class Filesystems:
    """Asks all mounts in one thread, and in more as soon as one is slow.

    ``read_one`` is statvfs, or a stand-in that sleeps.
    """

    def __init__(
        self,
        places: Places,
        clock: Clock,
        read_one: Callable[[str], Usage] = read_usage,
        most_stuck: int = MOST_STUCK,
    ) -> None:
        self._places = places
        self._clock = clock
        self._read_one = read_one
        self._most_stuck = most_stuck
        # Threads of its own: mounts that hang must not take those of the other collectors.
        self._workers = Workers(most_stuck)
        self._began: dict[str, float] = {}  # calls outstanding
        self._answered: set[str] = set()

    def read(self) -> list[Metric]:
        mounts = unique_mounts(read_mounts(self._places))
        found = self._ask_all({build_key(one): self._path(one) for one in mounts})
        now = self._clock.monotonic()
        stuck = {key: now - began for key, began in tuple(self._began.items())}
        usages = [found.get(build_key(one)) for one in mounts]
        return build_filesystem_families(mounts, usages, [find_wait(one, stuck) for one in mounts])

    def _path(self, mount: Mount) -> str:
        return f"{str(self._places.rootfs).rstrip('/')}{mount.mountpoint}"

    def _ask_all(self, paths: Mapping[str, str]) -> Mapping[str, Usage | None]:
        """No call for a filesystem that has one outstanding: it would be stuck as well."""
        stuck = {find_number(key) for key in tuple(self._began)}
        due = {key: path for key, path in paths.items() if find_number(key) not in stuck}
        if len(self._began) >= self._most_stuck:
            due = {key: path for key, path in due.items() if key in self._answered}
        found = dict(self._sweep(due)) if due else {}
        self._answered = {key for key, usage in found.items() if usage}
        return found

    def _sweep(self, paths: Mapping[str, str]) -> Mapping[str, Usage | None]:
        ended = threading.Event()
        sweep = Sweep({key: partial(self._ask, key, path) for key, path in paths.items()}, ended.set)
        sweep.start(self._workers)
        if not ended.wait(SLOW_SECONDS):
            sweep.start(self._workers, self._most_stuck)
            if not ended.wait(self._places.mount_timeout):
                sweep.give_up(self._workers)
        return sweep.results

    def _ask(self, key: str, path: str) -> Usage | None:
        """None if it failed."""
        self._began[key] = self._clock.monotonic()
        try:
            return self._read_one(path)
        except (OSError, ValueError):
            return None
        finally:
            self._began.pop(key, None)


def build_key(mount: Mount) -> str:
    """By the filesystem's number too: what is mounted over a stuck one is another."""
    return f"{mount.number} {mount.mountpoint}"


def find_number(key: str) -> str:
    return key.partition(" ")[0]


def find_wait(mount: Mount, stuck: Mapping[str, float]) -> float:
    """Seconds that a call to this mount, or to another of the same filesystem, has not come back; 0 if none."""
    return max((seconds for key, seconds in stuck.items() if find_number(key) == mount.number), default=0.0)


def unique_mounts(mounts: Sequence[Mount]) -> list[Mount]:
    """The first mount of each label set: one filesystem mounted twice on a place is one series."""
    found: dict[tuple[str, str, str], Mount] = {}
    for one in mounts:
        found.setdefault(_labels(one), one)
    return list(found.values())


def _labels(mount: Mount) -> tuple[str, str, str]:
    return mount.device, mount.mountpoint, mount.fstype


def build_filesystem_families(
    mounts: Sequence[Mount], usages: Sequence[Usage | None], waits: Sequence[float]
) -> list[Metric]:
    """Sizes of the mounts that answered; ``device_error`` 1 for those that did not."""
    labels = [_labels(mount) for mount in mounts]
    known = [(label, usage) for label, usage in zip(labels, usages, strict=True) if usage is not None]
    readonly = [(_labels(mount), float(mount.readonly)) for mount, usage in zip(mounts, usages, strict=True) if usage]
    return [
        *(gauges(name, text, LABELS, [(label, size(usage)) for label, usage in known]) for name, text, size in SIZES),
        gauges("node_filesystem_readonly", "Filesystem read-only status.", LABELS, readonly),
        gauges(
            "node_filesystem_device_error",
            "Whether an error occurred while getting statistics for the given device.",
            LABELS,
            [(label, float(usage is None)) for label, usage in zip(labels, usages, strict=True)],
        ),
        gauges(
            "fleetmend_filesystem_stuck_seconds",
            "How long statvfs of this filesystem has not come back; 0 if it does. A stuck one is not asked again.",
            LABELS,
            zip(labels, waits, strict=True),
        ),
        gauges(
            "node_filesystem_mount_info",
            "Filesystem mount information.",
            ("device", "major", "minor", "mountpoint"),
            [((one.device, *one.number.split(":"), one.mountpoint), 1.0) for one in mounts if one.number],
        ),
    ]
