"""Attributes of sysfs: small, each read by one call, and each free to be missing or refused by its driver."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ATTRIBUTE_BYTES = 4096  # the kernel gives an attribute no more room than this


def read_attribute(path: str, folder: int | None = None) -> str:
    """The text of one attribute, stripped; ``path`` may be relative to the open ``folder``. Raises OSError."""
    file = os.open(path, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(file, ATTRIBUTE_BYTES).decode(errors="replace").strip()
    finally:
        os.close(file)


def find_attribute(path: str, folder: int | None = None) -> str | None:
    """As ``read_attribute``; None if it is missing, forbidden, or the driver has nothing to say just now."""
    try:
        return read_attribute(path, folder)
    except OSError:
        return None


def find_number(path: str, folder: int | None = None) -> float | None:
    """The number in an attribute; None if there is none."""
    return parse_number(find_attribute(path, folder))


def parse_number(text: str | None) -> float | None:
    """A decimal number, or a hexadecimal one after ``0x``; None where the text is missing or neither."""
    if not text:
        return None
    try:
        return int(text, 16) if text.startswith("0x") else float(text)
    except ValueError:
        return None


def list_folder(folder: Path, prefix: str = "") -> list[str]:
    """Names in a folder that begin with ``prefix``, in order; none if there is no such folder."""
    try:
        return sorted(name for name in os.listdir(folder) if name.startswith(prefix))  # noqa: PTH208
    except FileNotFoundError:
        return []


class OpenAttributes:
    """Attributes of one folder, kept open: to read one again is a fifth of the work of opening it again.

    Once the kernel has removed the folder, all of them are None.
    """

    def __init__(self, path: str, names: Iterable[str]) -> None:
        self._files: dict[str, int] = {}
        with open_folder(path) as folder:
            for name in names:
                with suppress(OSError):
                    self._files[name] = os.open(name, os.O_RDONLY, dir_fd=folder)

    def find(self, name: str) -> str | None:
        """As ``find_attribute``."""
        file = self._files.get(name)
        try:
            return None if file is None else os.pread(file, ATTRIBUTE_BYTES, 0).decode(errors="replace").strip()
        except OSError:
            return None

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files = {}


@contextmanager
def open_folder(path: str) -> Iterator[int]:
    """A folder to read attributes from: the kernel looks its path up once."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)
