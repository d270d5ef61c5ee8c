"""Real processes: who runs for which machine, told from /proc; noticing exits; ending them for certain."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from remediator.agent.record import Running

PROC = Path("/proc")
# Between two looks at processes that were killed and are not gone yet.
LOOK_AGAIN_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Owner:
    """How a machine's processes are known: its own uid (0: none), the session of its first process (0: none),
    and the marks in their environment: its id, and its directory as HOME.

    Without a uid of its own a process that left session and environment behind is known by where it works.
    """

    machine: str
    home: str
    uid: int = 0
    session: int = 0


@dataclass(frozen=True, slots=True)
class Stat:
    """What /proc/PID/stat says: state letter, session, terminal (0: none), start in clock ticks since boot."""

    state: str
    session: int
    terminal: int
    started: int


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One process, told from a later one with the same number by its start."""

    pid: int
    started: int
    leads: bool = False


def read_stat(pid: int) -> Stat | None:
    """The process's stat, None when there is none."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command's name stands in brackets and may contain anything, brackets too.
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(fields[0], int(fields[3]), int(fields[4]), int(fields[19]))


def alive_stat(pid: int) -> Stat | None:
    """The stat of a process that lives; a zombie runs nothing any more."""
    stat = read_stat(pid)
    return stat if stat and stat.state not in "ZX" else None


def is_running(running: Running, boot_id: str) -> bool:
    """Whether it is still the same process, in the same life of the host."""
    stat = alive_stat(running.pid)
    return running.boot_id == boot_id and stat is not None and stat.started == running.started


def find_processes(owners: Iterable[Owner]) -> dict[str, set[Found]]:
    """Every living process of these machines, whatever became of its parent, group or session.

    One pass over /proc, so that fifty machines cost hardly more than one.
    """
    wanted = list(owners)
    found: dict[str, set[Found]] = {owner.machine: set() for owner in wanted}
    index = _Index(wanted)
    for entry in os.listdir(PROC):  # noqa: PTH208  (names are all that is needed, and it is fast)
        stat = alive_stat(int(entry)) if entry.isdigit() else None
        machine = index.machine_of(entry, stat) if stat else ""
        if stat and machine:
            found[machine].add(Found(int(entry), stat.started, leads=stat.session == int(entry)))
    return found


class _Index:
    def __init__(self, owners: list[Owner]) -> None:
        self._sessions = {owner.session: owner.machine for owner in owners if owner.session}
        self._uids = {owner.uid: owner.machine for owner in owners if owner.uid}
        self._homes = {owner.home: owner.machine for owner in owners if not owner.uid}
        self._marks = {(owner.machine.encode(), owner.home.encode()): owner.machine for owner in owners}

    def machine_of(self, pid: str, stat: Stat) -> str:
        by_session = self._sessions.get(stat.session)
        known = by_session or self._by_uid(pid) or self._marks.get(_marks_of(pid), "")
        # A person's shell that looks around there has a terminal; what machines start has none.
        return known if known or stat.terminal else self._by_folder(pid)

    def _by_folder(self, pid: str) -> str:
        return self._homes.get(_folder_of(pid), "") if self._homes else ""

    def _by_uid(self, pid: str) -> str:
        return self._uids.get(_uid_of(pid), "") if self._uids else ""


def _uid_of(pid: str) -> int:
    try:
        status = (PROC / pid / "status").read_bytes()
    except OSError:
        return 0
    return int(status.partition(b"\nUid:")[2].split(None, 1)[0] or 0)


def _folder_of(pid: str) -> str:
    try:
        return os.readlink(f"{PROC}/{pid}/cwd")  # noqa: PTH115  (a text is all that is needed, many times)
    except OSError:
        return ""


def _marks_of(pid: str) -> tuple[bytes, bytes]:
    try:
        pairs = (PROC / pid / "environ").read_bytes().split(b"\0")
    except OSError:
        return b"", b""
    named = dict(pair.partition(b"=")[::2] for pair in pairs)
    return named.get(b"MACHINE_ID", b""), named.get(b"HOME", b"")


def send_signal(process: Found, number: int) -> None:
    """Signal that very process, or nobody when it is gone."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        # The handle holds on to whoever has the number now; is that the one we mean?
        stat = alive_stat(process.pid)
        if stat and stat.started == process.started:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)


def stop_all(owners: list[Owner]) -> set[Found]:
    """SIGSTOP to all, and to what they forked meanwhile, until none is new."""
    seen: set[Found] = set()
    while fresh := set().union(*find_processes(owners).values()) - seen:
        for process in fresh:
            send_signal(process, signal.SIGSTOP)
        seen |= fresh
    return seen


def stop_and_kill(owners: list[Owner]) -> int:
    """Stop all, so that none can fork a way out, then kill all; how many there were."""
    seen = stop_all(owners)
    for process in seen:
        send_signal(process, signal.SIGKILL)
    return len(seen)


async def end_all(owners: list[Owner], within: float) -> set[str]:
    """Kill all processes of these machines and wait until they are gone.

    Returns:
        The machines that still have processes after ``within`` seconds: stuck in the kernel.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            # The kernel has no event for "all of these are gone", so it is asked.
            while await asyncio.to_thread(stop_and_kill, owners):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
            return set()
    left = await asyncio.to_thread(find_processes, owners)
    return {machine for machine, processes in left.items() if processes}


async def wait_for_exit(pid: int) -> None:
    """Return when that process has ended; it need not be a child of ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def system_boot_id() -> str:
    """The kernel's name for the present life of the host; empty where it does not tell."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
