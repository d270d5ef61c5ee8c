"""Tasks in uninterruptible sleep: who waits, in which kernel function, and for how long.

Threads count, not only processes: it is often one thread of a daemon that a lock or a disk never lets go.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.collectors.files import read_text
from exporter.collectors.tasks import GONE, UNINTERRUPTIBLE, Tasks
from exporter.errors import NoData
from exporter.families import gauge, gauges
from exporter.kit import Ask, ask_nobody

MOST_GROUPS = 50  # label pairs on the page; the rest is one group, "other"
# "kworker/u8:3+flush-254:0" and "kworker/0:1" are the same kind of waiter.
NUMBERED_WORKER = re.compile(r"^(kworker|ksoftirqd|jbd2|dmcrypt_write)/.*$")


@dataclass(frozen=True, slots=True)
class TaskStat:
    """What /proc/PID/stat says of a task; ``started`` in clock ticks since boot."""

    comm: str
    state: str
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
    return TaskStat(head.partition("(")[2], fields[0], int(fields[19]))


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


def parse_answer(output: str) -> dict[int, str]:
    """The privileged reader's ``{"TID": "wchan"}``. ValueError if it is something else."""
    answer = json.loads(output)
    if not isinstance(answer, dict):
        raise ValueError("wait channels are no object")  # noqa: TRY004
    return {int(tid): parse_wchan(str(wchan)) for tid, wchan in answer.items()}


def read_blocked_tasks(folders: Iterable[str]) -> list[BlockedTask]:
    """The tasks of these folders under /proc that still sleep."""
    return [task for folder in folders if (task := _read_task(folder))]


def _read_task(folder: str) -> BlockedTask | None:
    try:
        stat = parse_task_stat(read_text(f"{folder}/stat"))
        if stat.state != UNINTERRUPTIBLE:
            return None
        switches = parse_switches(read_text(f"{folder}/status"))
        return BlockedTask(int(folder.rpartition("/")[2]), stat.started, switches, stat.comm, _read_wchan(folder))
    except GONE:
        return None


def _read_wchan(folder: str) -> str:
    try:
        return parse_wchan(read_text(f"{folder}/wchan"))
    except PermissionError:
        return ""


class BlockedTasks:
    """Remembers since when each blocked task has been seen blocked, for the kernel does not tell."""

    def __init__(self, tasks: Tasks, clock: Clock, ask: Ask = ask_nobody) -> None:
        self._tasks = tasks
        self._clock = clock
        self._ask = ask
        self._since: Mapping[BlockedTask, float] = {}

    def read(self) -> list[Metric]:
        now = self._clock.monotonic()
        found = read_blocked_tasks(self._tasks.look("blocked_tasks").blocked)
        # A wait channel that the reader tells late or not at all must not make an old sleep a new one.
        self._since = {task: self._since.get(task, now) for task in found}
        oldest = now - min(self._since.values(), default=now)
        return build_blocked_families(self._name_channels(found), oldest)

    def _name_channels(self, tasks: list[BlockedTask]) -> list[BlockedTask]:
        """Other users' wait channels are shown to root alone: the privileged reader knows them."""
        if all(task.wchan for task in tasks):
            return tasks
        try:
            told = parse_answer(self._ask("wchan").output)
        except (NoData, OSError, ValueError):
            return tasks
        return [replace(task, wchan=task.wchan or told.get(task.tid, "")) for task in tasks]


def build_blocked_families(tasks: list[BlockedTask], oldest: float) -> list[Metric]:
    return [
        gauges(
            "fleetmend_blocked_tasks",
            "Tasks in uninterruptible sleep (state D), by command name and the kernel function they wait in.",
            ["comm", "wchan"],
            sorted(count_groups(tasks).items()),
        ),
        gauge(
            "fleetmend_blocked_task_oldest_seconds",
            "How long this exporter has seen the longest blocked task without its waking once; 0 if none is blocked.",
            oldest,
        ),
    ]
