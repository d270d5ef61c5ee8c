"""The command line: one clear line and exit code 2 for what cannot work, 0 when told to stop."""

import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.cli import main

Launch = Callable[..., subprocess.Popen[str]]
PROBE = ["probe", "--vantage", "p", "--region", "arn", "--rack", "r1", "--remediator", "http://127.0.0.1:1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required: MODULE"),
        (["fan"], "invalid choice: 'fan'"),
        (["host", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["host", "--listen", "9100"], "--listen: '9100' is not HOST:PORT"),
        (["host", "--listen", "127.0.0.1:99999"], "is not HOST:PORT"),
        (["host", "--path.procfs", "/nowhere"], "--path.procfs: /nowhere is not a readable directory"),
        (["disk", "--collector.diskstats.device-exclude", "("], "--collector.diskstats.device-exclude"),
        (["host", "--push.url", "ftp://u:secret@h"], "--push.url: not of the form"),
        (["host", "--push.url", "http://h", "--push.label", "a"], "--push.label: 'a' is not NAME=VALUE"),
        (["host", "--push.url", "http://h", "--push.interval", "0"], "--push.interval"),
        (["orchestrator"], "orchestrator: --state-url is missing"),
        (["orchestrator", "--state-url", "127.0.0.1:80"], "--state-url: not of the form"),
        (["probe"], "--vantage, --region, --rack, --remediator, --token-file missing"),
        ([*PROBE, "--listen", "127.0.0.1:0", "--token-file", "/nowhere/token"], "--join-token is needed once"),
    ],
)
def test_one_clear_line_and_exit_code_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert "secret" not in error


def test_a_port_in_use(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = launch("host", "--listen", f"127.0.0.1:{port}")
        _, error = process.communicate(timeout=10)
    assert process.returncode == 2
    assert error == f"fleetmend-exporter: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_well(number: signal.Signals, launch: Launch) -> None:
    process = launch("host", "disk", "--listen", "127.0.0.1:0")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, error = process.communicate(timeout=10)
    assert (process.returncode, error) == (0, "")


def test_a_collector_stuck_in_the_kernel_holds_up_neither_page_nor_exit(launch: Launch, tmp_path: Path) -> None:
    # A named pipe without a writer: reading it blocks, as a dead disk would.
    for name in ("stat", "meminfo"):
        os.mkfifo(tmp_path / name)
    process = launch("host", "--path.procfs", str(tmp_path), "--listen", "127.0.0.1:0")
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    states = [read_states(url) for _ in range(2)]
    assert 'collector="meminfo",state="timeout"} 1.0' in states[0]
    assert 'collector="meminfo",state="stuck"} 1.0' in states[1]
    assert 'collector="time",state="ok"} 1.0' in states[1]
    process.terminate()
    process.communicate(timeout=1.5)
    assert process.returncode == 0


def read_states(url: str) -> str:
    request = urllib.request.Request(url, headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.4"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(answer.read(), "utf-8")


def test_landing_page_and_health(start_exporter: Callable[..., str]) -> None:
    url = start_exporter("host")
    with urllib.request.urlopen(f"{url}/", timeout=5) as answer:
        assert b'<a href="/metrics">' in answer.read()
    with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
        assert answer.read() == b"ok\n"
