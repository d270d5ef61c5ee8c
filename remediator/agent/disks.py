"""Volumes: disks of this host with an enforced size, each for one machine at a time.

As root with a loop device a volume is an ext4 image of its size, so that a full one is really full. Elsewhere it is
a plain directory: single files are bounded (RLIMIT_FSIZE) and the use is measured.
"""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from remediator.agent.record import VolumeRecord
from remediator.model.errors import PermanentError, TransientError

_MIB = 1 << 20
# mkfs makes no journal below this size anyway, or spends half the volume on it.
_SMALL_MB = 16
_UNMOUNT_TRIES = 20
_UNMOUNT_PAUSE_SECONDS = 0.05
_COMMAND_SECONDS = 60
# Root-only folder that mkfs makes; it is no content of the volume's owner.
LOST = "lost+found"


@dataclass(frozen=True, slots=True)
class VolumeDisk:
    """Where the volumes of this host are; every method blocks on the disk and belongs in a thread.

    Args:
        disk: the host's disk for tenants, which volumes fill.
        loops: whether to try for loop images.
    """

    disk: Path
    loops: bool = False

    def folder(self, volume: str) -> Path:
        """Where a machine finds the volume's content."""
        return self.disk / "volumes" / volume

    def image(self, volume: str) -> Path:
        return self.disk / "images" / f"{volume}.img"

    def create(self, volume: str, size_mb: int) -> Literal["loop", "directory"]:
        """Make an empty volume; doing it again is harmless.

        Raises:
            PermanentError: no room on the disk.
        """
        self.folder(volume).mkdir(parents=True, exist_ok=True)
        if self.loops and self._create_loop(volume, size_mb):
            return "loop"
        self._check_room(volume, size_mb)
        return "directory"

    def extend(self, record: VolumeRecord, size_mb: int) -> bool:
        """Make a volume larger; doing it again is harmless. False: it is so from its machine's next start on.

        Raises:
            PermanentError: no room on the disk.
            TransientError: it cannot be mounted now.
        """
        if record.kind == "directory":
            # The bound on single files is one of processes, and they have the one that they began with.
            self._check_room(record.id, size_mb - record.size_mb)
            return False
        self.ready(record)
        try:
            _allocate(self.image(record.id), size_mb * _MIB)
        except OSError as error:
            raise PermanentError(f"no room for volume {record.id} of {size_mb} MB: {error.strerror}") from None
        self._unfinished(record.id).touch()
        return self._grow_mounted(record.id) or self._grow_unmounted(record.id)

    def _unfinished(self, volume: str) -> Path:
        """There while the image is larger than its filesystem."""
        return self.image(volume).with_suffix(".grow")

    def _grow_mounted(self, volume: str) -> bool:
        """In use or not; not every kernel lets us."""
        device = _said("losetup", "--noheadings", "--output", "NAME", "--associated", str(self.image(volume)))
        grown = bool(device) and _ran("losetup", "--set-capacity", device) and _ran("resize2fs", device)
        return grown and self._finished(volume)

    def _grow_unmounted(self, volume: str) -> bool:
        """Only while nobody uses it."""
        image, folder = str(self.image(volume)), self.folder(volume)
        if folder.is_mount() and not _ran("umount", str(folder)):
            return False
        # What it corrects, it says by a code above zero; resize2fs refuses what is not sound.
        _ran("e2fsck", "-f", "-p", image)
        grown = _ran("resize2fs", image)
        return self._mount(volume) and grown and self._finished(volume)

    def _finished(self, volume: str) -> bool:
        self._unfinished(volume).unlink(missing_ok=True)
        return True

    def _check_room(self, volume: str, size_mb: int) -> None:
        free = os.statvfs(self.disk)
        if size_mb * _MIB > free.f_bavail * free.f_frsize:
            raise PermanentError(f"no room for volume {volume} of {size_mb} MB on this host's disk")

    def ready(self, record: VolumeRecord) -> Path:
        """The volume's directory, mounted if it has to be.

        Raises:
            TransientError: it cannot be mounted now.
        """
        folder = self.folder(record.id)
        if record.kind == "loop" and not folder.is_mount() and not self._mount(record.id):
            raise TransientError(f"volume {record.id} cannot be mounted: no loop device, or its image is damaged")
        return folder

    def give_to(self, record: VolumeRecord, uid: int) -> Path:
        """The volume's directory, ready and belonging to that machine's uid (0: left as it is)."""
        folder = self.ready(record)
        if self._unfinished(record.id).exists():
            self._grow_unmounted(record.id)
            self.ready(record)
        if uid and folder.stat().st_uid != uid:
            for parent, folders, files in os.walk(folder):
                for name in (*folders, *files):
                    os.lchown(os.path.join(parent, name), uid, uid)  # noqa: PTH118  (a walk over many files)
            os.chown(folder, uid, uid)
        return folder

    def used_bytes(self, record: VolumeRecord) -> int:
        """Bytes that the volume's content takes."""
        folder = self.folder(record.id)
        if record.kind == "loop":
            if not folder.is_mount():
                return record.used_bytes
            held = os.statvfs(folder)
            return (held.f_blocks - held.f_bfree) * held.f_frsize
        return sum(_blocks_of(Path(parent) / name) for parent, _, files in os.walk(folder) for name in files)

    def measured(self, record: VolumeRecord) -> VolumeRecord:
        """The record with the bytes it holds now; what cannot be read is as it was."""
        try:
            return replace(record, used_bytes=self.used_bytes(record))
        except OSError:
            return record

    def destroy(self, volume: str) -> None:
        """Unmount and remove for good.

        Raises:
            TransientError: somebody still uses it.
        """
        folder = self.folder(volume)
        for _ in range(_UNMOUNT_TRIES):
            if not folder.is_mount() or _ran("umount", str(folder)):
                break
            # The last user was killed a moment ago and its files are not closed yet.
            time.sleep(_UNMOUNT_PAUSE_SECONDS)
        if folder.is_mount():
            raise TransientError(f"volume {volume} is still in use")
        shutil.rmtree(folder, ignore_errors=True)
        self.image(volume).unlink(missing_ok=True)
        self._unfinished(volume).unlink(missing_ok=True)

    def _create_loop(self, volume: str, size_mb: int) -> bool:
        if self.folder(volume).is_mount():
            return True
        image = self.image(volume)
        image.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            _allocate(image, size_mb * _MIB)
        except OSError as error:
            image.unlink(missing_ok=True)
            raise PermanentError(f"no room for volume {volume} of {size_mb} MB: {error.strerror}") from None
        journal = [] if size_mb >= _SMALL_MB else ["-O", "^has_journal"]
        made = _ran("mkfs.ext4", "-q", "-F", "-m", "0", *journal, str(image)) and self._mount(volume)
        if not made:
            image.unlink(missing_ok=True)
        else:
            _ran("rmdir", str(self.folder(volume) / LOST))
        return made

    def _mount(self, volume: str) -> bool:
        image, folder = str(self.image(volume)), str(self.folder(volume))
        return self.image(volume).exists() and _ran("mount", "-o", "loop,nosuid,nodev", image, folder)


def _allocate(image: Path, size: int) -> None:
    handle = os.open(image, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Taken from the disk now: a volume that was promised cannot run out of disk later.
        os.posix_fallocate(handle, 0, size)
        os.fsync(handle)
    finally:
        os.close(handle)


def _blocks_of(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_blocks * 512
    return 0


def _ran(*words: str) -> bool:
    done = _run(words)
    return done is not None and done.returncode == 0


def _said(*words: str) -> str:
    """The first line of what a command prints; empty when it fails."""
    done = _run(words)
    lines = done.stdout.decode(errors="replace").split("\n") if done and done.returncode == 0 else []
    return lines[0].strip() if lines else ""


def _run(words: tuple[str, ...]) -> "subprocess.CompletedProcess[bytes] | None":
    try:
        return subprocess.run(words, capture_output=True, check=False, timeout=_COMMAND_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
