"""The disk of a host: small and its own, so that a full or hanging disk is a real one; it survives power-off."""

import errno
import os
import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from remediator.agent.front import kernel
from remediator.agent.front.chassis import Unsupported
from remediator.model.errors import PermanentError

MEBIBYTE = 1024 * 1024
BALLAST = "ballast"


class DiskKind(StrEnum):
    """``loop``: ext4 in an image, kept for ever. ``tmpfs``: gone with the chassis. ``folder``: no size of its own."""

    LOOP = "loop"
    TMPFS = "tmpfs"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted disk; ``folder`` is where the host sees it."""

    folder: Path
    kind: DiskKind

    def fill(self) -> None:
        """Write until nothing more fits. Raises ``Unsupported`` on a disk without a size of its own."""
        if self.kind is DiskKind.FOLDER:
            raise Unsupported("the disk of this host is a plain folder: filling it would fill the machine's own")
        with (self.folder / BALLAST).open("wb") as file:
            for chunk in (16 * MEBIBYTE, MEBIBYTE, 65536, 4096):
                take_all(file.fileno(), chunk)

    def free(self) -> None:
        (self.folder / BALLAST).unlink(missing_ok=True)

    def is_filled(self) -> bool:
        return (self.folder / BALLAST).exists()

    def can_freeze(self) -> bool:
        return self.kind is DiskKind.LOOP

    def set_frozen(self, *, frozen: bool) -> None:
        """Writers block, or go on; asking twice is fine."""
        try:
            kernel.set_frozen(self.folder, frozen=frozen)
        except OSError as error:
            if error.errno not in {errno.EBUSY, errno.EINVAL}:
                raise

    def close(self) -> None:
        """Unmount; a reader that will not go keeps its own view until it ends."""
        if self.kind is not DiskKind.FOLDER:
            kernel.umount(self.folder, kernel.MNT_DETACH)


def take_all(descriptor: int, chunk: int) -> None:
    """Give the file chunk after chunk until the disk refuses one."""
    while True:
        try:
            os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, chunk)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            return


def enter_private_mounts() -> bool:
    """Take this process to a mount namespace of its own, so that its mounts end with it; False where forbidden.

    Without root a user namespace that maps nobody but us makes it possible, where the kernel lets it.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        kernel.unshare(kernel.CLONE_NEWNS if user == 0 else kernel.CLONE_NEWNS | kernel.CLONE_NEWUSER)
        if user != 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    except OSError:
        return False
    return True


def prepare_disk(data: Path, size_mb: int, *, mounts: bool, loops: bool) -> Disk:
    """The best disk that this machine allows at DATA/disk: loop, else tmpfs, else a folder.

    An image of an earlier run is kept as it is. Raises ``PermanentError`` if the folder cannot be made.
    """
    folder = data / "disk"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise PermanentError(f"{folder}: {error.strerror}") from error
    if mounts and loops and mount_image(data / "disk.img", folder, size_mb):
        return Disk(folder, DiskKind.LOOP)
    if mounts and mount_tmpfs(folder, size_mb):
        return Disk(folder, DiskKind.TMPFS)
    return Disk(folder, DiskKind.FOLDER)


def mount_image(image: Path, folder: Path, size_mb: int) -> bool:
    """Make the image if it is missing and mount it; False when this machine has no loop devices for us."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None or not Path("/dev/loop-control").exists():
        return False
    if not image.exists():
        fresh = image.with_suffix(".new")
        with fresh.open("wb") as file:
            file.truncate(size_mb * MEBIBYTE)
        if not succeeds("mkfs.ext4", "-q", "-F", "-m", "0", str(fresh)):
            return False
        fresh.replace(image)
    return succeeds("mount", "-o", "loop,noatime", str(image), str(folder))


def mount_tmpfs(folder: Path, size_mb: int) -> bool:
    try:
        kernel.mount("tmpfs", folder, "tmpfs", options=f"size={size_mb}m,mode=755")
    except OSError:
        return False
    return True


def succeeds(*command: str) -> bool:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0
