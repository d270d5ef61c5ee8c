"""Sizes of mounted filesystems; a mount that does not answer is reported and left alone until it does."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.mounts import Mount, Usage, read_mounts, read_usage
from exporter.families import gauges
from exporter.places import Places
from exporter.workers import Workers

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
    """Reads all mounts at once, each in a thread; ``read_one`` is statvfs, or a stand-in that sleeps."""

    def __init__(self, places: Places, workers: Workers, read_one: Callable[[Path], Usage] = read_usage) -> None:
        self._places = places
        self._workers = workers
        self._read_one = read_one
        self._open: dict[str, Future[Usage]] = {}

    def read(self) -> list[Metric]:
        mounts = unique_mounts(read_mounts(self._places))
        due = [one.mountpoint for one in mounts if not self._is_stuck(one.mountpoint)]
        calls = {point: self._workers.submit(partial(self._read_one, self._path(point))) for point in due}
        self._open = {point: future for point, future in self._open.items() if not future.done()} | calls
        _, late = wait(calls.values(), timeout=self._places.mount_timeout)
        for future in late:
            self._workers.abandon(future)
        return build_filesystem_families([(one, _usage(calls.get(one.mountpoint))) for one in mounts])

    def _is_stuck(self, mountpoint: str) -> bool:
        future = self._open.get(mountpoint)
        return future is not None and not future.done()

    def _path(self, mountpoint: str) -> Path:
        return Path(os.path.normpath(f"{self._places.rootfs}/{mountpoint}"))


def _usage(future: Future[Usage] | None) -> Usage | None:
    """None if the call is stuck, late, or failed."""
    if future is None or future.cancelled() or not future.done() or future.exception():
        return None
    return future.result()


def unique_mounts(mounts: Sequence[Mount]) -> list[Mount]:
    """The first mount of each label set: one filesystem mounted twice on a place is one series."""
    found: dict[tuple[str, str, str], Mount] = {}
    for one in mounts:
        found.setdefault(_labels(one), one)
    return list(found.values())


def _labels(mount: Mount) -> tuple[str, str, str]:
    return mount.device, mount.mountpoint, mount.fstype


def build_filesystem_families(read: Sequence[tuple[Mount, Usage | None]]) -> list[Metric]:
    """Sizes of the mounts that answered; ``device_error`` 1 for those that did not."""
    known = [(_labels(mount), usage) for mount, usage in read if usage is not None]
    return [
        *(
            gauges(name, text, LABELS, [(labels, size(usage)) for labels, usage in known])
            for name, text, size in SIZES
        ),
        gauges(
            "node_filesystem_readonly",
            "Filesystem read-only status.",
            LABELS,
            [(_labels(mount), float(mount.readonly)) for mount, usage in read if usage is not None],
        ),
        gauges(
            "node_filesystem_device_error",
            "Whether an error occurred while getting statistics for the given device.",
            LABELS,
            [(_labels(mount), float(usage is None)) for mount, usage in read],
        ),
    ]
