"""Reading files that may be anything: pipes, devices, folders, links that lead nowhere, far too large."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from remediator.model.errors import BadInput, Problem

MAX_BYTES = 8_000_000
_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one state of a file from another; times in ns."""

    size: int
    modified: int
    changed: int
    inode: int
    device: int


def stamp(path: Path) -> Stamp | None:
    """The file's stamp, links followed; None when it is not there or cannot be looked at."""
    try:
        return _stamp(path.stat())
    except OSError:
        return None


def is_folder(path: Path) -> bool:
    """Whether a folder is there and may be looked into."""
    return path_is(path, stat.S_ISDIR) and os.access(path, os.R_OK | os.X_OK)


def path_is(path: Path, kind: Callable[[int], bool]) -> bool:
    """As ``Path.is_dir`` and its like, but a path that may not be looked at is none."""
    try:
        return kind(path.stat().st_mode)
    except OSError:
        return False


def read_bytes(path: Path, shown: str) -> tuple[Stamp, bytes]:
    """The content of a plain file, and the stamp that belongs to it; links are followed.

    Raises:
        BadInput: it is missing, unreadable, no plain file, or larger than ``MAX_BYTES``.
    """
    try:
        # Opened without waiting: a pipe nobody writes to would hold the reader for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            _refuse_odd(status, shown)
            raw = _first(descriptor, MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _refusal(shown, f"cannot be read: {error.strerror}", "file/unreadable") from error
    if len(raw) > MAX_BYTES:
        raise _refusal(shown, _too_large(len(raw)), "file/size")
    return _stamp(status), raw


def decode(raw: bytes, shown: str) -> str:
    """Text of UTF-8 bytes, without the mark that some editors put at the front.

    Raises:
        BadInput: binary, or text in another encoding.
    """
    if raw.startswith(_UTF16):
        raise _refusal(shown, "is UTF-16 text; save it as UTF-8", "file/encoding")
    if b"\0" in raw:
        raise _refusal(shown, "is a binary file, not YAML", "file/encoding")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = "is not UTF-8 text; save it as UTF-8"
        raise BadInput([Problem(shown, line, 0, message, check="file/encoding")]) from error


def _first(descriptor: int, count: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(count)


def _refuse_odd(status: os.stat_result, shown: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "a device")
        raise _refusal(shown, f"is {kind}, not a file", "file/kind")
    if status.st_size > MAX_BYTES:
        raise _refusal(shown, _too_large(status.st_size), "file/size")


def _too_large(size: int) -> str:
    return (
        f"is {size / 1e6:.0f} MB and was not read: a file of rules is at most {MAX_BYTES // 1_000_000} MB; split it"
    )


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def _refusal(shown: str, message: str, check: str) -> BadInput:
    return BadInput([Problem(shown, 0, 0, message, check=check)])
