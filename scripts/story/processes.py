"""Processes that the demo starts, each with a log of its own, and stops by their ids."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path


class Gone(Exception):
    """A process that should be running ended; the text ends with its last words."""


class Started:
    """One process; ``first_line`` is what it said on standard output when it was ready, if it says anything."""

    def __init__(self, name: str, process: Process, log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    async def first_line(self, seconds: float) -> str:
        """Raises ``Gone`` when it ended, or did not speak in time."""
        if self.process.stdout is None:
            return ""
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), seconds)
        except TimeoutError:
            raise Gone(f"{self.name} was not ready in {seconds:.0f} s: {self.last_words()}") from None
        if not line:
            raise Gone(f"{self.name} ended at once: {self.last_words()}")
        return line.decode().strip()

    def last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    async def stop(self, seconds: float = 8.0) -> None:
        """SIGTERM, and SIGKILL when that does not help."""
        if not self.running:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL: no process survives it to write anything more."""
        if self.running:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()


async def start(
    name: str, command: Sequence[str], log: Path, *, speaks: bool = False, pass_fds: Sequence[int] = ()
) -> Started:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=PIPE if speaks else sink,
            stderr=sink,
            pass_fds=pass_fds,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    return Started(name, process, log)
