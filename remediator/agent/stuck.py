"""Whether this host still does its work: tasks stuck in the kernel, and whether 4 kB become durable in time."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from remediator.agent.bell import Bell
from remediator.agent.telling import Disk
from remediator.clock import Clock

LOOK_SECONDS = 5.0
# Short waits for a disk are normal, and one stuck task may be one bad mount: three at once are the storage beneath.
STUCK_SECONDS, STUCK_TASKS = 30.0, 3
SYNC_SECONDS = 2.0
_BYTES = b"\0" * 4096
_POLL_SECONDS = 0.02

# A process, when it started, and how often it woke: another of these, and it is not the same sleep.
Sleep = tuple[str, str, str]


class Stuck:
    """Looks every few seconds and keeps what is wrong in ``disk.stuck``; a stuck disk never holds up the agent."""

    def __init__(self, folder: Path, disk: Disk, bell: Bell, clock: Clock) -> None:
        self._disk = disk
        self._bell = bell
        self._clock = clock
        self._sleepers = Sleepers(Path("/proc"), clock)
        self._durable = Durable(folder, clock)

    async def watch(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Say what is stuck now; told at once when it is another thing than before."""
        asleep = await asyncio.to_thread(self._sleepers.look)
        told = ", ".join(filter(None, [await self._durable.look(), asleep]))
        if told != self._disk.stuck:
            self._disk.stuck = told
            self._bell.ring()


class Sleepers:
    """Tasks that have not woken since they were first seen asleep."""

    def __init__(self, procfs: Path, clock: Clock) -> None:
        self._procfs = procfs
        self._clock = clock
        self._since: Mapping[Sleep, float] = {}

    def look(self) -> str:
        """What is wrong, for people; empty if nothing is."""
        now = self._clock.monotonic()
        self._since = {sleep: self._since.get(sleep, now) for sleep in read_asleep(self._procfs)}
        long = sum(1 for since in self._since.values() if now - since >= STUCK_SECONDS)
        return f"{long} tasks are stuck in the kernel" if long >= STUCK_TASKS else ""


class Durable:
    """A child writes, for whoever waits for a disk in vain cannot be woken: it is left, and looked for again."""

    def __init__(self, folder: Path, clock: Clock, seconds: float = SYNC_SECONDS) -> None:
        self._file = folder / ".durable"
        self._clock = clock
        self._seconds = seconds
        self._child = 0

    async def look(self) -> str:
        """What is wrong, for people; empty if nothing is."""
        told = f"4 kB did not become durable in {self._seconds:g} s"
        if self._child and not self._reaped():
            # Not even its end gets through.
            return told
        self._child = _fork_writer(self._file)
        ends = self._clock.monotonic() + self._seconds
        while self._clock.monotonic() < ends:
            if self._reaped():
                return ""
            await self._clock.sleep(_POLL_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        return told

    def _reaped(self) -> bool:
        """Whether the child is gone; how it ended does not matter: a full disk is no stuck one."""
        try:
            gone, _ = os.waitpid(self._child, os.WNOHANG)
        except ChildProcessError:
            gone = self._child
        self._child = 0 if gone else self._child
        return bool(gone)


def _fork_writer(file: Path) -> int:
    """The child's pid. A program of its own could not even be started from a disk that is stuck."""
    pid = os.fork()
    if pid:
        return pid
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(handle, _BYTES)
        os.fsync(handle)
    finally:
        os._exit(0)


def read_asleep(procfs: Path) -> list[Sleep]:
    """The processes in uninterruptible sleep, kernel threads among them."""
    return [sleep for folder in procfs.glob("[0-9]*") if (sleep := _read_sleep(folder))]


def _read_sleep(folder: Path) -> Sleep | None:
    try:
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        if fields[0] != "D":
            return None
        status = (folder / "status").read_text(errors="replace")
    except (OSError, IndexError):
        # It has ended meanwhile.
        return None
    switches = next((line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches")), "")
    return folder.name, fields[19], switches
