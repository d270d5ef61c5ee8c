"""Small files of the kernel's, read with few system calls: a scrape reads hundreds, and a Path costs twice as much.

All raise OSError. Paths may be text or Path; text is faster.
"""

import errno
import os

from exporter.errors import NoData

READ_BYTES = 65536
# What sysfs and procfs answer for one entry that has no value just now, while its neighbours have theirs.
UNREADABLE = frozenset({
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENODATA, errno.ENXIO, errno.ENODEV, errno.EIO,
    errno.EAGAIN, errno.EBUSY, errno.EOPNOTSUPP, errno.ETIMEDOUT, errno.ENOTDIR, errno.ESRCH, errno.ERANGE,
})  # fmt: skip

# The kernel's own, which keep their names as long as it runs; never what is of one process or device.
LASTING = (
    "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/net/", "/proc/pressure/", "/proc/schedstat",
    "/proc/stat", "/proc/sys/", "/proc/vmstat",
)  # fmt: skip
_kept: dict[str, int] = {}

AnyPath = str | os.PathLike[str]


def read_bytes(path: AnyPath) -> bytes:
    """The whole file. The kernel hands out long ones in pieces of its own choosing: only an empty read ends them."""
    if isinstance(path, str) and path.startswith(LASTING):
        return _read_kept(path)
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(file, READ_BYTES)
        while part := os.read(file, READ_BYTES):
            content += part
        return content
    finally:
        os.close(file)


def _read_kept(path: str) -> bytes:
    """From a file that stays open: opening it costs more than twice what reading it does."""
    file = _kept.get(path)
    if file is None:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if _kept.setdefault(path, file) != file:
            os.close(file)  # another thread was quicker
            file = _kept[path]
    try:
        content = os.pread(file, READ_BYTES, 0)
        while part := os.pread(file, READ_BYTES, len(content)):
            content += part
    except OSError:
        # A module that was unloaded: whoever asks next opens what is there by then. Not closed, for another thread
        # may be about to read it, and its number must not become another file's.
        _kept.pop(path, None)
        raise
    return content


def read_text(path: AnyPath) -> str:
    """As ``read_bytes``; bytes that are no UTF-8 become U+FFFD."""
    return read_bytes(path).decode(errors="replace")


def read_number(path: AnyPath) -> float:
    """The number in a file that holds one. ValueError if it holds something else."""
    return parse_number(read_bytes(path))


def parse_number(content: bytes | str) -> float:
    """A decimal integer with white space around it, of any size a counter can have."""
    return float(int(content))


def read_present(path: AnyPath) -> str:
    """As ``read_text``; NoData if the kernel has no such file."""
    try:
        return read_text(path)
    except FileNotFoundError:
        raise NoData(f"{os.fspath(path)} does not exist") from None


def read_optional(path: AnyPath) -> str | None:
    """The stripped text; None if this entry alone is missing, forbidden or without a value."""
    try:
        return read_text(path).strip()
    except OSError as error:
        if error.errno in UNREADABLE:
            return None
        raise


def read_optional_number(path: AnyPath) -> float | None:
    """As ``read_optional``; None too for a text that is no integer (``<unknown>``)."""
    text = read_optional(path)
    try:
        return None if text is None else parse_number(text)
    except ValueError:
        return None


def list_names(folder: AnyPath) -> list[str]:
    """Names in a folder, sorted."""
    return sorted(os.listdir(folder))  # noqa: PTH208
