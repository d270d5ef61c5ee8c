"""Tasks in uninterruptible sleep: who waits, in which kernel function, and for how long.

Threads count, not only processes: it is often one thread of a daemon that a lock or a disk never lets go.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import gauge, gauges

READ_BYTES = 8192
MOST_GROUPS = 50  # label pairs on the page; the rest is one group, "other"
# "kworker/u8:3+flush-254:0" and "kworker/0:1" are the same kind of waiter.
NUMBERED_WORKER = re.compile(r"^(kworker|ksoftirqd|jbd2|dmcrypt_write)/.*$")


@dataclass(frozen=True, slots=True)
class TaskStat:
    """What /proc/PID/stat says of a task; ``started`` in clock ticks since boot."""

    comm: str
    state: str
    threads: int
    started: int


@dataclass(frozen=True, slots=True)
class BlockedTask:
    """A task seen in uninterruptible sleep; equal at two sightings only if it never woke between them."""

    tid: int
    started: int
    switches: int
    comm: str
    wchan: str


def parse_task_stat(text: str) -> TaskStat:
    """A command name may hold spaces and brackets: the last closing one ends it."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return TaskStat(head.partition("(")[2], fields[0], int(fields[17]), int(fields[19]))


def parse_switches(text: str) -> int:
    """Voluntary context switches from /proc/PID/status; -1 if the kernel does not say."""
    found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.MULTILINE)
    return int(found.group(1)) if found else -1


def parse_wchan(text: str) -> str:
    """The kernel function waited in; empty if it may not be seen."""
    return "" if text.strip() == "0" else text.strip()


def count_groups(tasks: list[BlockedTask]) -> dict[tuple[str, str], int]:
    """Tasks by command and kernel function, the largest groups first, no more than MOST_GROUPS and "other"."""
    counted = Counter((NUMBERED_WORKER.sub(r"\1", task.comm), task.wchan) for task in tasks)
    groups = dict(counted.most_common(MOST_GROUPS))
    rest = len(tasks) - sum(groups.values())
    return groups | ({("other", ""): rest} if rest else {})


def find_blocked_tasks(procfs: Path) -> Iterator[BlockedTask]:
    """Every blocked thread; tasks that end while being read are passed over."""
    for folder in _numbered(str(procfs)):
        yield from _blocked_of_process(folder)


def _numbered(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.path for entry in entries if entry.name.isdigit()]


def _blocked_of_process(folder: str) -> Iterator[BlockedTask]:
    try:
        leader = parse_task_stat(_read(f"{folder}/stat"))
        tasks = _numbered(f"{folder}/task") if leader.threads > 1 else [folder]
    except (FileNotFoundError, ProcessLookupError):
        return
    for task in tasks:
        if blocked := _blocked_task(task, leader if task is folder else None):
            yield blocked


def _blocked_task(folder: str, known: TaskStat | None) -> BlockedTask | None:
    try:
        stat = known or parse_task_stat(_read(f"{folder}/stat"))
        if stat.state != "D":
            return None
        switches = parse_switches(_read(f"{folder}/status"))
        return BlockedTask(int(folder.rpartition("/")[2]), stat.started, switches, stat.comm, _read_wchan(folder))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _read_wchan(folder: str) -> str:
    try:
        return parse_wchan(_read(f"{folder}/wchan"))
    except PermissionError:
        return ""


def _read(path: str) -> str:
    """A small file of /proc in one read: a scrape reads thousands, and a Path would cost thrice as much."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, READ_BYTES).decode(errors="replace")
    finally:
        os.close(file)


class BlockedTasks:
    """Remembers since when each blocked task has been seen blocked, for the kernel does not tell."""

    def __init__(self, procfs: Path, clock: Clock) -> None:
        self._procfs = procfs
        self._clock = clock
        self._since: Mapping[BlockedTask, float] = {}

    def read(self) -> list[Metric]:
        now = self._clock.monotonic()
        tasks = list(find_blocked_tasks(self._procfs))
        self._since = {task: self._since.get(task, now) for task in tasks}
        oldest = now - min(self._since.values(), default=now)
        return build_blocked_families(tasks, oldest)


def build_blocked_families(tasks: list[BlockedTask], oldest: float) -> list[Metric]:
    return [
        gauges(
            "fleetmend_blocked_tasks",
            "Tasks in uninterruptible sleep (state D), by command name and the kernel function they wait in.",
            ["comm", "wchan"],
            count_groups(tasks).items(),
        ),
        gauge(
            "fleetmend_blocked_task_oldest_seconds",
            "How long this exporter has seen the longest blocked task without its waking once; 0 if none is blocked.",
            oldest,
        ),
    ]
