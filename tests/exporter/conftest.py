"""Exporters as real processes on free loopback ports, stopped by pid; the fixture tree."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.places import Places

ROOT = Path(__file__).parents[2]
STARTED = re.compile(r"on (http://\S+)/metrics")
STOP_SECONDS = 5.0


@pytest.fixture
def fixture_places() -> Places:
    """The fixture tree's prefixes."""
    tree = Path(__file__).parent / "fixtures"
    return Places(tree / "proc", tree / "sys", Path("/"), tree / "udev", mount_timeout=0.2, kmsg=tree / "kmsg")


@pytest.fixture(scope="session")
def full_state() -> dict[str, Any]:
    """An answer of the remediator that says something of everything; its times are around FakeClock's start."""
    state: dict[str, Any] = json.loads((Path(__file__).parent / "fixtures" / "state.json").read_text())
    return state


@pytest.fixture
def launch() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command line with arguments; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "exporter.cli", *arguments],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate(timeout=STOP_SECONDS)


@pytest.fixture
def start_exporter(launch: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """Start an exporter on a free port; its base URL, once it answers."""

    def start(*arguments: str) -> str:
        process = launch(*arguments, "--listen", "127.0.0.1:0")
        assert process.stdout is not None
        line = process.stdout.readline()
        found = STARTED.search(line)
        assert found, line or process.communicate(timeout=STOP_SECONDS)[1]
        return found.group(1)

    return start


@pytest.fixture
def unused_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
