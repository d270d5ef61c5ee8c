"""A privileged reader as a real process, with tools of the test's own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exporter.kit import Answer
from exporter.reader.client import exchange, parse_answer

ROOT = Path(__file__).parents[2]
SECONDS = 10.0
# A driver to ask, so that sources that need one run.
DRIVER = "class/misc/device-mapper"


class ReaderSite:
    """``tool`` writes commands before or after the start; ``ask`` asks the running one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "run" / "reader.sock"
        self.tools = folder / "tools"
        self.tools.mkdir()
        (folder / "sys" / DRIVER).mkdir(parents=True)
        (folder / "proc").mkdir()

    def tool(self, name: str, script: str) -> None:
        """A shell script; ``$0.log`` is for what it wants to tell the test."""
        file = self.tools / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def runs(self, name: str) -> int:
        """How many lines the tool has written to its log."""
        log = self.tools / f"{name}.log"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def command(self, *flags: str) -> list[str]:
        path = f"{self.tools}:/usr/bin:/bin"
        places = ("--path.sysfs", str(self.folder / "sys"), "--path.procfs", str(self.folder / "proc"))
        command = [sys.executable, "-m", "exporter.reader.cli", "--socket", str(self.socket)]
        return [*command, "--tool-path", path, *places, *flags]

    @contextmanager
    def running(self, *flags: str) -> Iterator["subprocess.Popen[str]"]:
        """Started, listening; stopped by SIGTERM unless it has ended before."""
        process = subprocess.Popen(
            self.command(*flags), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "listening at" in line, line or process.communicate(timeout=SECONDS)[1]
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate(timeout=SECONDS)

    def ask(self, source: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(exchange(self.socket, source))
        return answer

    def answer(self, source: str) -> Answer:
        """As the exporter takes it."""
        return parse_answer(source, exchange(self.socket, source))

    def ask_as(self, uid: int, source: str) -> dict[str, Any]:
        """As another user: from a process of its own, for a socket knows its maker."""
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(uid), str(self.socket), source],
            capture_output=True, text=True, timeout=SECONDS, check=True,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def open_to_all(self) -> None:
        """Whatever the files' modes say."""
        self.socket.chmod(0o777)
        for folder in (self.socket.parent, self.folder, *self.folder.parents[:2]):
            folder.chmod(0o755)

    def connect(self) -> socket.socket:
        """A client that has said nothing yet."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(SECONDS)
        client.connect(str(self.socket))
        return client


ASK = """
import os, socket, sys
os.setuid(int(sys.argv[1]))
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[2])
client.sendall(sys.argv[3].encode() + b"\\n")
print(b"".join(iter(lambda: client.recv(65536), b"")).decode())
"""


def wait_until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "it did not come true"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process is there and no corpse."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def run_as_root() -> bool:
    return os.geteuid() == 0
