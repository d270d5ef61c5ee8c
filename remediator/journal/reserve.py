"""Room on the disk that is kept for when there is none: given up so that healing and destroys can be written."""

import contextlib
import os
from pathlib import Path

FILE = "journal.reserve"
LOW = 0.1
_SHARE = 20


def free_share(folder: Path) -> float | None:
    """The share of the folder's file system that is free for us, 0 to 1; None where nobody says."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail / found.f_blocks if found.f_blocks else None


class Reserve:
    """A preallocated file of ``size`` bytes, at most a twentieth of its file system; 0 keeps none."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._size = size
        # True from when the reserve was needed until it is there again.
        self.spent = False
        self.keep()

    def keep(self) -> None:
        """Make the reserve, if it is not there and there is room for it beside what must be free."""
        with contextlib.suppress(OSError):
            found = os.statvfs(self._folder)
            size = min(self._size, found.f_blocks * found.f_frsize // _SHARE)
            there = self._path.stat().st_size if self._path.exists() else 0
            if size and there < size and (free_share(self._folder) or 0) > LOW:
                self._allocate(size)
                there = size
            self.spent = self.spent and there < size

    def release(self) -> bool:
        """Give the room back to the disk; whether there was any."""
        self.spent = self._size > 0
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _allocate(self, size: int) -> None:
        handle = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError:
            self._path.unlink()
            raise
        finally:
            os.close(handle)
