"""Commands of the host, run without a shell, each in a session of its own, with bounded time and output."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from typing import IO

from exporter.clock import Clock
from exporter.reader.outcome import ERROR, MISSING, OK, TIMEOUT, Outcome

TOOL_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
MOST_OUTPUT = 16 * 1024 * 1024  # bytes
MOST_COMPLAINT = 4096  # bytes of standard error that are kept
CHUNK = 65536
# How often a child is looked at: one whose descendants may keep its output open, and one that only has to end.
LISTENING_SECONDS, ENDING_SECONDS = 0.05, 0.002


class Tools:
    """``path`` is searched for commands, and is all that they see of our environment."""

    def __init__(self, clock: Clock, path: str = TOOL_PATH, most_output: int = MOST_OUTPUT) -> None:
        self._clock = clock
        self._path = path
        self._most_output = most_output
        self._running: set[int] = set()

    def find(self, name: str) -> str:
        """The command's file; empty without one."""
        files = (f"{folder}/{name}" for folder in self._path.split(":") if folder)
        return next((file for file in files if os.access(file, os.X_OK)), "")

    def run(self, argv: Sequence[str], seconds: float, accept: Sequence[int] = (0,)) -> Outcome:
        """What the command printed; ``accept`` are the exit codes with which that is of use, empty: any.

        Comes back only when the command is gone, which is never if it waits in the kernel.
        """
        file = self.find(argv[0])
        if not file:
            return Outcome(MISSING, error=f"{argv[0]} is not installed")
        with subprocess.Popen(
            [file, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C", "PATH": self._path, "LVM_SUPPRESS_SYSLOG": "1"},
            cwd="/",
            start_new_session=True,
        ) as child:
            self._running.add(child.pid)
            talk = Talk(child, self._clock.monotonic() + seconds, self._most_output)
            ended = talk.listen(self._clock)
            # Its descendants too: whoever is left of the session holds nothing of ours after this.
            self._kill(child.pid)
        self._running.discard(child.pid)
        return ended or talk.conclude(child.returncode, accept)

    def stop(self) -> None:
        """Kill what still runs."""
        for pid in tuple(self._running):
            self._kill(pid)

    @staticmethod
    def _kill(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


class Talk:
    """Both outputs of a child, read as they come."""

    def __init__(self, child: "subprocess.Popen[bytes]", until: float, most_output: int) -> None:
        self._pid = child.pid
        self._until = until
        self._most_output = most_output
        self._pipes: dict[int, IO[bytes]] = {pipe.fileno(): pipe for pipe in (child.stdout, child.stderr) if pipe}
        self._heard = {file: bytearray() for file in self._pipes}
        self._output, self._complaint = self._heard.values()

    def listen(self, clock: Clock) -> Outcome | None:
        """Until it has ended; the outcome if it must be killed, for its time is up or it says too much."""
        while not self._has_ended():
            left = self._until - clock.monotonic()
            if left <= 0:
                return Outcome(TIMEOUT, error="killed, for it took too long")
            if len(self._output) > self._most_output:
                return Outcome(ERROR, error=f"killed, for it said more than {self._most_output} bytes")
            self._hear(min(left, LISTENING_SECONDS if self._pipes else ENDING_SECONDS))
        while self._hear(0):
            pass
        return None

    def _has_ended(self) -> bool:
        """Without reaping it: until then nobody else can have its number, which is also that of its session."""
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _hear(self, seconds: float) -> bool:
        """Take what there is; False if there is nothing, or too much already."""
        ready = select.select(list(self._pipes), [], [], seconds)[0]
        for file in ready:
            said = os.read(file, CHUNK)
            if not said:
                self._pipes.pop(file).close()
            self._heard[file] += said
        del self._complaint[MOST_COMPLAINT:]
        return bool(ready) and len(self._output) <= self._most_output

    def conclude(self, code: int, accept: Sequence[int]) -> Outcome:
        """By its exit code, once it is gone."""
        if accept and code not in accept:
            lines = self._complaint.decode(errors="replace").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            return Outcome(ERROR, error=f"exit code {code}: {last}"[:300])
        return Outcome(OK, self._output.decode(errors="replace"))
