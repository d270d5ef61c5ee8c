"""One remediator as a process, in a fresh folder with settings on free ports, without a store."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.store_lab import free_port

BIN = Path(sys.executable).parent


def run(*words: str, folder: Path | None = None) -> tuple[int, str]:
    done = subprocess.run([str(BIN / "fleetmend"), *words], capture_output=True, text=True, cwd=folder, timeout=60)
    return done.returncode, (done.stdout + done.stderr).strip()


def fresh_folder(below: Path) -> Path:
    """What ``fleetmend init`` makes, with settings on free ports."""
    made = below / "fleet"
    assert run("init", str(made))[0] == 0
    settings = made / "fleetmend.yml"
    places = {"listen": free_port(), "fleet_listen": free_port()}
    lines = "".join(f"{key}: 127.0.0.1:{port}\n" for key, port in places.items())
    settings.write_text(settings.read_text() + f"\n{lines}store_url: http://127.0.0.1:1\n")
    return made


@dataclass(frozen=True)
class Running:
    """A remediator's process and its public address; what it says goes to ``stderr.txt`` in its folder."""

    process: subprocess.Popen[bytes]
    url: str


def start(folder: Path) -> Running:
    """Start one on that folder, and wait until it answers."""
    settings = (folder / "fleetmend.yml").read_text().splitlines()
    port = next(line.rpartition(":")[2] for line in settings if line.startswith("listen:"))
    with (folder / "stderr.txt").open("ab") as said:
        process = subprocess.Popen([str(BIN / "fleetmend"), "run"], cwd=folder, stderr=said)
    url = f"http://127.0.0.1:{port}"
    for _ in range(400):
        try:
            requests.get(f"{url}/healthz", timeout=1)
            break
        except (requests.ConnectionError, requests.Timeout):
            assert process.poll() is None, (folder / "stderr.txt").read_text()
            time.sleep(0.1)
    return Running(process, url)


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """One that is ended as a service is ended."""
    remediator = start(folder)
    try:
        yield remediator
    finally:
        remediator.process.terminate()
        assert remediator.process.wait(30) == 0
