"""Power state by IPMI over the network: one ipmitool for each question, its password in its environment."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.probe.credentials import Login
from exporter.probe.outcome import Outcome

POWER = re.compile(r"^Chassis Power is (on|off)\s*$", re.MULTILINE)
# Of one message, and how often it is sent again.
ANSWER_SECONDS, RETRIES = 1, 2
# Only somebody who has answered the first message is asked this.
ANSWERED = "RAKP"
MOST_STUCK = 8
KILLED_SECONDS = 0.5
COMPLAINT = 200  # characters


@dataclass(frozen=True, slots=True)
class Reply:
    """How it ended; ``power`` is on, off, or empty where that is not known."""

    outcome: Outcome
    power: str = ""
    trouble: str = ""


def build_command(program: str, address: str, port: int, username: str) -> list[str]:
    """-E: the password is in IPMI_PASSWORD. A user's privilege is enough to look."""
    place = ["-H", address, "-p", str(port), "-U", username, "-E", "-L", "USER"]
    patience = ["-N", str(ANSWER_SECONDS), "-R", str(RETRIES)]
    return [program, "-I", "lanplus", *place, *patience, "chassis", "power", "status"]


def parse_reply(code: int, output: str, complaint: str, seconds: float) -> Reply:
    """What ipmitool's exit code and its two outputs amount to, which came after so many seconds.

    Its words are the same whether nobody answers or somebody will not have us; only the second comes at once.
    """
    found = POWER.search(output)
    if code == 0 and found:
        return Reply(Outcome.OK, found[1])
    words = " ".join((complaint or output).split())[:COMPLAINT]
    silent = seconds >= ANSWER_SECONDS and ANSWERED not in complaint
    return Reply(Outcome.SILENT if silent else Outcome.WRONG_ANSWER, trouble=words)


class Ipmitool:
    """Runs children; one that cannot be killed is left alone, and only so many of those are borne."""

    def __init__(self, clock: Clock, path: str | None = None) -> None:
        self._clock = clock
        self._path = os.environ.get("PATH", os.defpath) if path is None else path
        self._lock = threading.Lock()
        self._stuck: list[subprocess.Popen[str]] = []

    def count_stuck(self) -> int:
        with self._lock:
            self._stuck = [child for child in self._stuck if child.poll() is None]
            return len(self._stuck)

    def ask(self, command: Sequence[str], login: Login, seconds: float) -> Reply:
        """Blocks for ``seconds`` at most, and a moment to kill it."""
        if self.count_stuck() >= MOST_STUCK:
            return Reply(Outcome.ERROR_HERE, trouble="too many children are stuck")
        began = self._clock.monotonic()
        try:
            child = self._start(command, login)
        except OSError as error:
            return Reply(Outcome.ERROR_HERE, trouble=f"{command[0]}: {error.strerror}")
        try:
            output, complaint = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._give_up(child)
            return Reply(Outcome.SILENT, trouble="timeout")
        return parse_reply(child.returncode, output, complaint, self._clock.monotonic() - began)

    def _start(self, command: Sequence[str], login: Login) -> "subprocess.Popen[str]":
        environment = {"PATH": self._path, "LC_ALL": "C", "HOME": "/", "IPMI_PASSWORD": login.password}
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def _give_up(self, child: "subprocess.Popen[str]") -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        for pipe in (child.stdout, child.stderr):
            if pipe:
                pipe.close()
        try:
            child.wait(KILLED_SECONDS)
        except subprocess.TimeoutExpired:
            with self._lock:
                self._stuck.append(child)
