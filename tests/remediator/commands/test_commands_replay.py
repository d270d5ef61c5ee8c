"""`fleetmend replay` as a user starts it: moments, refusals, exit codes."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from remediator.cli import main
from remediator.commands.replay import joined, moment
from remediator.model.errors import BadInput

NOON = datetime(2024, 8, 10, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def site(tmp_path: Path, unused_port: int) -> Path:
    (tmp_path / "rules").symlink_to(ROOT / "rules")
    (tmp_path / "fleetmend.yml").write_text(f"store_url: http://127.0.0.1:{unused_port}\nstore_timeout: 1s\n")
    (tmp_path / "hosts.yml").write_text("[]\n")
    return tmp_path


def replay(site: Path, *flags: str) -> int:
    return main(["replay", "--config", str(site / "fleetmend.yml"), *flags])


def test_moments_are_read_as_people_write_them() -> None:
    assert moment("now", NOON, "--to") == NOON
    assert moment("-1.5h", NOON, "--to") == NOON - timedelta(minutes=90)
    assert moment("2024-08-01T00:00:00+02:00", NOON, "--to") == datetime(2024, 7, 31, 22, tzinfo=UTC)
    assert joined(["replay", "--from", "-14d", "--to", "now"]) == ["replay", "--from=-14d", "--to", "now"]


@pytest.mark.parametrize("text", ["yesterday", "2024-08-01T00:00:00", "-14y", "-99999999999999999w", ""])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--from"):
        moment(text, NOON, "--from")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--from", "now", "--to", "-1h"), "--from must be before --to"),
        (("--from", "-1h", "--data", "nowhere"), "there is no journal"),
        (("--from", "-1h", "--config", "nowhere.yml"), "nowhere.yml"),
        (("--from", "-1h", "--no-journal"), "cannot be reached"),
        (("--from", "-1h", "--rules", "nowhere"), "nowhere"),
    ],
)
def test_wrong_input_is_one_clear_line_and_two(
    site: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], told: str
) -> None:
    assert replay(site, *flags) == 2
    written = capsys.readouterr()
    assert told in written.err
    assert "Traceback" not in written.err
    assert written.out == ""


@pytest.mark.slow
def test_ctrl_c_ends_it_with_130(site: Path) -> None:
    asked = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.set()
            time.sleep(3)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [sys.executable, "-m", "remediator.cli", "replay", "--config", str(site / "fleetmend.yml")]
        command += ["--from", "-1h", "--no-journal", "--store", f"http://127.0.0.1:{server.server_port}"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as process:
            assert asked.wait(20)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=20)
        server.shutdown()
    assert process.returncode == 130
    assert "Traceback" not in told
