"""Pages on disk while the store is away: one file a page, written beside, synced, renamed.

``kill -9`` and a power cut leave whole files, and at most one that is not; it is set aside. gzip's own checksum tells
whether a page is whole, and the file's name says the rest, so that pages are dropped without being read.
"""

import errno
import fcntl
import logging
import os
import re
import zlib
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import BinaryIO

from exporter.errors import BadStart
from exporter.push.backlog import Entry, Kept, Shelf
from exporter.push.meters import Drop, Meters
from exporter.push.page import Page

log = logging.getLogger(__name__)

NAME = re.compile(r"^(\d{12})-(\d+)-(\d+)\.(page|part)$")  # number, moment in ms, samples
MOST_SET_ASIDE = 8
BLOCK = 4096
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
BROKEN = (OSError, EOFError, zlib.error, ValueError)


class Spool:
    """A folder of pages that this process alone may use; at most ``max_bytes``, counted in whole blocks."""

    def __init__(self, folder: Path, max_bytes: int, meters: Meters) -> None:
        """Finds the pages of an earlier run. Raises BadStart if the folder cannot be had, or has another user."""
        self.shelf = Shelf()
        self._folder = folder
        self._max_bytes = max_bytes
        self._meters = meters
        self._told = ""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = lock_folder(folder)
            names = sorted(path.name for path in folder.iterdir())
        except OSError as error:
            raise BadStart(f"--push.spool.dir: {folder}: {error.strerror}") from None
        self._last = max((int(found[1]) for found in map(NAME.match, names) if found), default=0)
        for name in names:
            self._find(name)
        self._drop_oldest(self.shelf.bytes - max_bytes, Drop.SPOOL_FULL)

    def put(self, page: Page) -> None:
        self._last += 1
        entry = Entry(self._last, page.at, page.samples, disk_bytes(page.size))
        if entry.size > self._max_bytes:
            self._meters.count_dropped(Drop.SPOOL_FULL, entry.samples)
            return
        self._drop_oldest(self.shelf.bytes + entry.size - self._max_bytes, Drop.SPOOL_FULL)
        try:
            self._write_making_room(entry, page.packed)
        except OSError as error:
            reason = Drop.DISK_FULL if error.errno in FULL else Drop.DISK_ERROR
            self._meters.count_dropped(reason, entry.samples)
            self._tell_once(f"{error.strerror}; pages are lost while the store is away")
            return
        self.shelf.add(entry)
        self._tell_once("")

    def newest(self, but: AbstractSet[int]) -> Kept | None:
        while entry := self.shelf.newest(but):
            try:
                return Kept(entry.number, self._read(entry))
            except BROKEN:
                self.shelf.take(entry.number)
                self._set_aside(self._path(entry), entry.samples)
        return None

    def remove(self, number: int) -> None:
        if entry := self.shelf.take(number):
            self._unlink(self._path(entry))

    def close(self) -> None:
        """Another process may have the folder."""
        self._lock.close()

    def _find(self, name: str) -> None:
        """One name of the folder, in the order of the numbers."""
        found = NAME.match(name)
        if not found:
            return
        number, at, samples = (int(part) for part in found.groups()[:3])
        path = self._folder / name
        try:
            size = path.stat().st_size
        except OSError:
            return
        if found[4] == "part":
            self._set_aside(path, samples)
        else:
            self.shelf.add(Entry(number, at, samples, disk_bytes(size)))

    def _path(self, entry: Entry) -> Path:
        return self._folder / f"{entry.number:012}-{entry.at}-{entry.samples}.page"

    def _write_making_room(self, entry: Entry, packed: bytes) -> None:
        """On a full disk our own oldest pages make room, once: others may fill it faster than we empty it."""
        try:
            self._write(entry, packed)
        except OSError as error:
            if error.errno not in FULL or not self.shelf.pages:
                raise
            self._drop_oldest(2 * entry.size, Drop.DISK_FULL)
            self._write(entry, packed)

    def _write(self, entry: Entry, packed: bytes) -> None:
        path = self._path(entry)
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(packed)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        except OSError:
            self._unlink(part)
            raise
        sync_folder(self._folder)

    def _read(self, entry: Entry) -> Page:
        page = Page(entry.at, entry.samples, self._path(entry).read_bytes())
        if len(page.lines()) != entry.samples:
            raise ValueError("not as many samples as its name says")
        return page

    def _drop_oldest(self, size: int, reason: Drop) -> None:
        """So many bytes of the oldest pages."""
        while size > 0 and (entry := self.shelf.oldest()):
            self.remove(entry.number)
            self._meters.count_dropped(reason, entry.samples)
            size -= entry.size

    def _set_aside(self, path: Path, samples: int) -> None:
        """Kept for people to look at, the last few of them."""
        self._meters.count_dropped(Drop.CORRUPT, samples)
        self._meters.count_set_aside()
        log.warning("spool: %s is not whole and is set aside", path.name)
        try:
            path.rename(path.with_suffix(".bad"))
            aside = sorted(self._folder.glob("*.bad"))
        except OSError:
            return
        for old in aside[:-MOST_SET_ASIDE]:
            self._unlink(old)

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._tell_once(f"cannot remove {path.name}: {error.strerror}")

    def _tell_once(self, text: str) -> None:
        if text != self._told:
            log.warning("spool: %s", text or "pages can be kept again")
            self._told = text


def lock_folder(folder: Path) -> BinaryIO:
    """Held until it is closed, or the process ends. Raises BadStart if another process has it."""
    file = (folder / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BadStart(f"--push.spool.dir: {folder} is in use by another exporter") from None
    return file


def sync_folder(folder: Path) -> None:
    """Makes a rename last through a power cut."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def disk_bytes(size: int) -> int:
    """What a file of ``size`` bytes takes on most filesystems: a host's page is smaller than a block or two."""
    return -(-size // BLOCK) * BLOCK
