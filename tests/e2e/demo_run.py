"""A demo as the tests start it: `scripts/demo` as a user would, its output read line by line."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
# The README promises six minutes; a machine that is busy with other tests may take a little longer.
LONGEST = 480.0


def played(report: Path, *flags: str) -> tuple[int, dict[str, Any], str]:
    """Play to the end: the exit code, the report, and what was printed."""
    done = subprocess.run(
        [str(REPOSITORY / "scripts" / "demo"), "--exit", "--json", str(report), *flags],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    told = done.stdout + done.stderr
    return done.returncode, json.loads(report.read_text()) if report.exists() else {}, told


class Standing:
    """A demo that stays up after its story."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path, report: Path) -> None:
        self.process = process
        self._log = log
        self._report = report

    def told(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def report(self) -> dict[str, Any]:
        """Wait for the end of the story."""
        end = time.monotonic() + LONGEST  # noqa: TID251
        while not self._report.exists():
            assert self.process.poll() is None, self.told()
            assert time.monotonic() < end, self.told()  # noqa: TID251
            time.sleep(0.5)
        time.sleep(0.5)
        found: dict[str, Any] = json.loads(self._report.read_text())
        return found

    def places(self) -> tuple[str, str]:
        """The status page and the store, as they were printed."""
        found = re.search(r"status page (\S+)\s+store (\S+)", self.told())
        assert found, self.told()
        return found[1], found[2]

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code that follows."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@contextmanager
def standing(folder: Path, *flags: str) -> Iterator[Standing]:
    log, report = folder / "demo.log", folder / "out.json"
    command: Sequence[str] = [str(REPOSITORY / "scripts" / "demo"), "--json", str(report), *flags]
    with log.open("w") as sink:
        environment = os.environ | {"COLUMNS": "160"}
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
        )
    try:
        yield Standing(process, log, report)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def processes_naming(text: str) -> list[str]:
    """Command lines of running processes that name something: what a demo must not leave behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found
