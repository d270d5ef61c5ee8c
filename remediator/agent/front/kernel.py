"""The few system calls that Python's standard library leaves out."""

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
FIFREEZE = 0xC0045877
FITHAW = 0xC0045878


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave namespaces; only while this process has one thread. Raises OSError."""
    _check(_libc().unshare(ctypes.c_int(flags)))


def mount(source: str, target: Path | str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2). Raises OSError."""
    arguments = (source.encode(), str(target).encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _check(_libc().mount(*arguments))


def umount(target: Path, flags: int = 0) -> None:
    """umount2(2). Raises OSError."""
    _check(_libc().umount2(str(target).encode(), ctypes.c_int(flags)))


def set_link(name: str, *, up: bool) -> None:
    """Bring an interface up or down by ioctl: microseconds, so that nothing slips out. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = struct.pack("16sh14x", name.encode(), 0)
        (flags,) = struct.unpack("16xH14x", fcntl.ioctl(control, SIOCGIFFLAGS, asked))
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags))


def set_frozen(folder: Path, *, frozen: bool) -> None:
    """Freeze or thaw the filesystem of a folder: writers block in the kernel meanwhile. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, FIFREEZE if frozen else FITHAW, 0)
    finally:
        os.close(descriptor)
