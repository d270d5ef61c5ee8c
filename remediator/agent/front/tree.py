"""Who runs below a process, read from /proc: ids as this process sees them."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from remediator.model.errors import TransientError

DEAD_STATES = "ZX"
ROUNDS = 1000
ROUND_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Task:
    """A line of /proc/PID/stat: the parts that matter here."""

    pid: int
    state: str
    parent: int


def parse_stat(text: str) -> Task:
    """``1 (a (b) c) S 0 ...``: the name may hold anything, so the fields count from the last parenthesis."""
    head, _, tail = text.rpartition(")")
    state, parent = tail.split()[:2]
    return Task(int(head.split(" ", 1)[0]), state, int(parent))


def read_tasks() -> Iterator[Task]:
    """Every process of now; those that end while we look are passed over."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield parse_stat((entry / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue


def descendants(root: int) -> list[Task]:
    """Every process below ``root``, zombies too; without ``root`` itself."""
    children: dict[int, list[Task]] = {}
    for task in read_tasks():
        children.setdefault(task.parent, []).append(task)
    found: list[Task] = []
    wave = [root]
    while wave:
        tasks = [task for pid in wave for task in children.get(pid, [])]
        found += tasks
        wave = [task.pid for task in tasks]
    return found


def is_alive(task: Task) -> bool:
    return task.state not in DEAD_STATES


def read_environment(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is gone or not ours to read."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    pairs = (item.partition("=") for item in raw.decode(errors="replace").split("\0"))
    return {key: value for key, _, value in pairs if key}


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal; a process that is gone already is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


async def kill_tree(root: int) -> None:
    """Kill everything below ``root``, then ``root``, which is stopped first so that it starts nothing meanwhile.

    Raises ``TransientError`` when a process will not die, blocked in the kernel.
    """
    kill(root, signal.SIGSTOP)
    for _ in range(ROUNDS):
        living = [task.pid for task in descendants(root) if is_alive(task)]
        if not living:
            return kill(root)
        for pid in living:
            kill(pid)
        await asyncio.sleep(ROUND_SECONDS)
    raise TransientError("a process of the host does not die: it is blocked in the kernel")
