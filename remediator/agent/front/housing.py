"""How the host is enclosed: what the two modes of a chassis must each be able to do."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from remediator.agent.front import tree
from remediator.agent.front.settings import Listening
from remediator.model.errors import TransientError

READY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Enclosure:
    """How init is started: a command before its own (``nested`` if that forks once more), and its flags."""

    prefix: tuple[str, ...]
    flags: tuple[str, ...]
    nested: bool


@dataclass(frozen=True, slots=True)
class Init:
    """A running host: its process 1 as seen from here."""

    process: Process
    pid: int

    def order(self, **order: Any) -> None:
        """Send one order to init; nothing when it is gone."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(order).encode() + b"\n")

    def is_alive(self) -> bool:
        return self.process.returncode is None


TREE = Enclosure(prefix=(), flags=("--subreaper",), nested=False)


def enclose(*namespaces: str) -> Enclosure:
    """Init as process 1 of these namespaces, and of its own for processes and mounts; it dies with this process."""
    own = ("--pid", "--mount", "--mount-proc", "--fork", "--kill-child")
    return Enclosure(("setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, *own, "--"), flags=(), nested=True)


class Housing(Protocol):
    """A mode. ``silence`` and ``speak`` are instantaneous and may be repeated; all raise ``TransientError``."""

    enclosure: Enclosure
    listening: Listening

    async def attach(self, init: Init) -> None:
        """Give a new host its line, silent until ``speak``."""

    def silence(self) -> None: ...

    def speak(self) -> None: ...

    async def end(self, init: Init) -> None:
        """Kill the host and everything it started."""

    def detach(self) -> None:
        """After the end: take the line away; the address stays silent."""

    def close(self) -> None:
        """Give the address back: nothing is left."""


async def launch(enclosure: Enclosure, console: Path) -> Init:
    """Start a host's process 1 and wait until it takes orders; its output goes to the console file.

    Its own session: a Ctrl-C at the terminal is for the chassis alone, which then powers it off in order.
    """
    script = Path(__file__).parent.parent / "init.py"
    command = [*enclosure.prefix, sys.executable, "-I", "-S", str(script), *enclosure.flags]
    with console.open("ab") as screen:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=screen, start_new_session=True
        )
    line = await _first_line(process)
    if line != b"ready\n":
        await stop(process)
        raise TransientError(f"the host did not start; its last words are in {console}")
    below = tree.descendants(process.pid) if enclosure.nested else []
    return Init(process, below[0].pid if below else process.pid)


async def _first_line(process: Process) -> bytes:
    if process.stdout is None:
        return b""
    try:
        return await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
    except TimeoutError:
        return b""


async def stop(process: Process) -> None:
    """Kill a process of ours and bury it."""
    if process.returncode is None:
        process.kill()
    await process.wait()
