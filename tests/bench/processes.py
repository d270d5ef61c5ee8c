"""Programs that a benchmark measures: started on free ports of the loopback, stopped by their process id."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 10.0


def find_program(name: str) -> str:
    """Ours are beside the interpreter, others on the path. Raises RuntimeError for one that is not there."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed: nothing can be measured")
    return found


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """The process id, once it listens."""
    program = [find_program(command[0]), *command[1:]]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_open(port, process)
            yield process.pid
        finally:
            process.terminate()
            process.wait(timeout=STOP_SECONDS)


def wait_until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.perf_counter() + START_SECONDS
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nothing listens on port {port}")
