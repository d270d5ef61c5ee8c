"""What the kernel tells root alone: what blocked tasks wait for, and its log."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.reader.outcome import OK, Outcome

if TYPE_CHECKING:
    from exporter.kmsg import KernelLog


def read_wchan(procfs: Path) -> Outcome:
    """``{"TID": "kernel function"}`` of every task in uninterruptible sleep."""
    waiting = {}
    for folder in _tasks(str(procfs)):
        try:
            if _read(f"{folder}/stat").rpartition(")")[2].split(maxsplit=1)[0] == "D":
                waiting[folder.rpartition("/")[2]] = _read(f"{folder}/wchan")
        except (FileNotFoundError, ProcessLookupError, IndexError):
            continue
    return Outcome(OK, json.dumps(waiting))


def _tasks(procfs: str) -> Iterator[str]:
    for process in _numbered(procfs):
        try:
            yield from _numbered(f"{process}/task")
        except (FileNotFoundError, ProcessLookupError):
            continue


def _numbered(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.path for entry in entries if entry.name.isdigit()]


def _read(path: str) -> str:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 4096).decode(errors="replace")
    finally:
        os.close(file)


class KernelMessages:
    """Counts of the kernel log's lines by what they tell; opened when first asked for."""

    def __init__(self, device: Path) -> None:
        self._device = device
        self._log: KernelLog | None = None

    def run(self) -> Outcome:
        from exporter.kmsg import KernelLog  # its patterns are a megabyte that few would need

        self._log = self._log or KernelLog(self._device)
        return Outcome(OK, json.dumps(self._log.counts()))
