"""Every thread of the host with its state: one pass over /proc, shared by the collectors of one scrape."""

import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.clock import Clock

FRESH_SECONDS = 1.0  # collectors of one scrape begin together; a look from before is never handed out
STAT_BYTES = 4096
UNINTERRUPTIBLE = "D"
GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class Look:
    """Processes and threads by state, and the folders under /proc of the threads in uninterruptible sleep."""

    processes: Mapping[str, int]
    threads: Mapping[str, int]
    allocated: int
    blocked: tuple[str, ...]


def parse_state(stat: bytes) -> str:
    """The letter after the command name, which may hold spaces and brackets: the last closing one ends it."""
    place = stat.rindex(b")") + 2
    return chr(stat[place])


def parse_thread_count(stat: bytes) -> int:
    return int(stat[stat.rindex(b")") :].split(None, 19)[18])


def look_at_tasks(procfs: str) -> Look:
    """Tasks that end while being read are passed over. Raises OSError if they may not be read."""
    processes: list[str] = []
    threads: list[str] = []
    allocated = 0
    blocked: list[str] = []
    for name in os.listdir(procfs):  # noqa: PTH208
        if not name.isdecimal():
            continue
        folder = f"{procfs}/{name}"
        try:
            stat = _read(f"{folder}/stat")
            count = parse_thread_count(stat)
            states = {folder: parse_state(stat)} if count < 2 else _read_states(f"{folder}/task")
        except GONE:
            continue
        allocated += count
        processes.append(parse_state(stat))
        threads += states.values()
        if UNINTERRUPTIBLE in states.values():
            blocked += [task for task, state in states.items() if state == UNINTERRUPTIBLE]
    return Look(Counter(processes), Counter(threads), allocated, tuple(blocked))


def _read_states(folder: str) -> dict[str, str]:
    """The state of each thread of a process, by its folder."""
    states = {}
    for name in os.listdir(folder):  # noqa: PTH208
        try:
            states[f"{folder}/{name}"] = parse_state(_read(f"{folder}/{name}/stat"))
        except GONE:
            continue
    return states


def _read(path: str) -> bytes:
    """A task's stat always fits into one read: thousands are read in a scrape."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, STAT_BYTES)
    finally:
        os.close(file)


class Tasks:
    """Hands one look to each of the collectors that ask at about the same time."""

    def __init__(self, procfs: Path, clock: Clock) -> None:
        self._procfs = str(procfs)
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: set[str] = set()
        self._at = 0.0
        self._look = Look({}, {}, 0, ())

    def look(self, collector: str) -> Look:
        """Never twice the same for one collector, and never one that began longer ago than FRESH_SECONDS."""
        with self._lock:
            now = self._clock.monotonic()
            if not self._taken or collector in self._taken or now - self._at > FRESH_SECONDS:
                self._taken.clear()
                self._look, self._at = look_at_tasks(self._procfs), now
            self._taken.add(collector)
            return self._look
