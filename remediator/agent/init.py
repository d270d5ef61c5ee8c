"""Process 1 of a host: starts what the chassis asks for, starts it again when it dies, reaps orphans.

It is run by its path with ``python -I -S``, so it knows the standard library only and is up in milliseconds.
Orders come as JSON lines on standard input, from the chassis:

    {"do": "network", "lines": ["link set lo up", ...]}     lines for ``ip -batch``
    {"do": "start", "name": "agent", "argv": [...], "restart": 2.0}     seconds before the next try, null: never again
    {"do": "kill", "name": "agent"}     SIGKILL, as a crash would; it starts again if it may
    {"do": "stop", "name": "agent"}     SIGKILL, for good

The end of standard input is the end of the host: whoever holds the other end is gone.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

PR_SET_CHILD_SUBREAPER = 36
DEV_NULL = "/dev/null"


@dataclass(frozen=True, slots=True)
class Part:
    """One program of the host; ``restart`` is the pause in seconds before it starts again, None for never."""

    name: str
    argv: tuple[str, ...]
    restart: float | None


@dataclass(slots=True)
class Init:
    """What runs now (``pids``: process id to name) and what should."""

    parts: dict[str, Part] = field(default_factory=dict)
    pids: dict[int, str] = field(default_factory=dict)

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out one order; an unknown one is told on the console and passed over."""
        match order:
            case {"do": "network", "lines": list(lines)}:
                configure_network(lines)
            case {"do": "start", "name": str(name), "argv": list(argv), "restart": restart}:
                self.parts[name] = Part(name, tuple(argv), restart)
                self.spawn(self.parts[name], pause=0.0)
            case {"do": "kill", "name": str(name)}:
                self.kill(name)
            case {"do": "stop", "name": str(name)}:
                self.parts.pop(name, None)
                self.kill(name)
            case _:
                complain(f"unknown order {order.get('do')!r}")

    def spawn(self, part: Part, pause: float) -> None:
        """Start a program after ``pause`` seconds, which its own process sleeps, so that no clock is needed here."""
        pid = os.fork()
        if pid == 0:
            become(part, pause)
        self.pids[pid] = part.name

    def kill(self, name: str) -> None:
        for pid, owner in self.pids.items():
            if owner == name:
                os.kill(pid, signal.SIGKILL)

    def reap(self) -> None:
        """Bury every dead child, ours and the orphans that came to us; start again what may."""
        while has_children():
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            part = self.parts.get(self.pids.pop(pid, ""))
            if part is not None and part.restart is not None:
                self.spawn(part, part.restart)


def become(part: Part, pause: float) -> NoReturn:
    """In the child: wait, then be the program; never returns into init."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        os.setsid()
        time.sleep(pause)
        with Path(DEV_NULL).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.execvpe(part.argv[0], part.argv, {**os.environ, "FLEETMEND_PART": part.name})  # noqa: S606
    except OSError as error:
        complain(f"{part.name}: {part.argv[0]}: {error.strerror}")
    finally:
        os._exit(127)


def has_children() -> bool:
    """Whether any child is left, without waiting for it."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def configure_network(lines: list[str]) -> None:
    """Give these lines to ``ip -batch``; the console hears of a failure."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=False)
    if done.returncode != 0:
        complain("the network could not be configured")


def complain(text: str) -> None:
    sys.stderr.write(f"init: {text}\n")
    sys.stderr.flush()


def adopt_orphans() -> None:
    """Without a process namespace of our own: orphans of our tree become our children all the same."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        complain("orphans cannot be adopted here")


def children() -> list[int]:
    return [int(word) for word in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def end_tree() -> None:
    """Kill everything below us: each round makes orphans, which are the children of the next round."""
    signal.set_wakeup_fd(-1)
    while has_children():
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        os.waitpid(-1, 0)


def listen_for_children() -> int:
    """A file descriptor that can be read whenever a child has died."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def serve(init: Init) -> None:
    """Obey until the orders end."""
    deaths = listen_for_children()
    pending = b""
    while True:
        readable, _, _ = select.select([0, deaths], [], [])
        if deaths in readable:
            os.read(deaths, 4096)
            init.reap()
        if 0 in readable:
            chunk = os.read(0, 65536)
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                init.obey(json.loads(line))


def main(argv: list[str]) -> int:
    """``--subreaper`` when there is no process namespace; says ``ready`` and then serves."""
    subreaper = "--subreaper" in argv
    if subreaper:
        adopt_orphans()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    os.dup2(2, 1)
    serve(Init())
    if subreaper:
        end_tree()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
