"""kill -9 in the middle of ``for``, and again while firing: nothing resets for those who look on or are told.

What may be acted on is another matter: it is earned again, from the restart on.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from remediator.clock import SystemClock
from tests.e2e.one_process import Running, fresh_folder, run, start
from tests.remediator.parity.peers import Series, write

pytestmark = [pytest.mark.store, pytest.mark.slow]

HOLD = timedelta(seconds=9)
# A slot, the keeper's gathering, and a busy machine.
LATE = timedelta(seconds=4)
CLOCK = SystemClock()
RULES = {
    "groups": [
        {
            "name": "stuck",
            "interval": "1s",
            "rules": [
                {
                    "alert": "Stuck",
                    "expr": "stuck > 0",
                    "for": f"{HOLD.seconds}s",
                    "labels": {"playbook": "stuck", "severity": "critical"},
                    "annotations": {
                        "summary": "{{ $labels.host }} is stuck",
                        "runbook_url": "docs/runbooks/stuck.md",
                    },
                }
            ],
        }
    ]
}
PLAYBOOK = "playbook: stuck\nmode: auto\ntarget: host\nsteps: [notify]\n"


@contextmanager
def mailbox() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What stands for an Alertmanager: its URL, and every alert that it was told."""
    told: list[dict[str, Any]] = []

    class Box(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Box) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", told
        finally:
            server.shutdown()
            thread.join()


def prepared(folder: Path, store: str, alertmanager: str) -> Path:
    """A fleet of one rule and one playbook, whose gate opens as soon as it may."""
    made = fresh_folder(folder)
    rules = made / "rules"
    for part in ("alerts", "playbooks", "tests"):
        shutil.rmtree(rules / part, ignore_errors=True)
    (rules / "outcomes.yml").unlink(missing_ok=True)
    for part in ("alerts", "playbooks"):
        (rules / part).mkdir()
    (rules / "alerts" / "stuck.yml").write_text(json.dumps(RULES))
    (rules / "playbooks" / "stuck.yml").write_text(PLAYBOOK)
    settings = made / "fleetmend.yml"
    kept = [line for line in settings.read_text().splitlines() if not line.startswith("store_url")]
    ours = (
        f"store_url: {store}\n"
        "store_kind: prometheus\n"
        f"alertmanagers: [{{url: '{alertmanager}'}}]\n"
        "gate: {open_after: 1s, open_after_max: 1s, canary: vector(time())}\n"
        "liveness_playbook: stuck\n"
    )
    settings.write_text("\n".join(kept) + "\n" + ours)
    return made


def until(found: Callable[[], Any], seconds: float) -> Any:
    """What is found, once there is something."""
    for _ in range(round(seconds / 0.1)):
        what = found()
        if what:
            return what
        time.sleep(0.1)
    return pytest.fail(f"nothing within {seconds} s")


@dataclass
class Lives:
    """One remediator after the other on the same folder."""

    folder: Path
    now: Running

    def killed_and_started(self) -> None:
        self.kill()
        self.now = start(self.folder)

    def kill(self) -> None:
        self.now.process.kill()
        self.now.process.wait(10)

    def alert(self, state: str) -> dict[str, Any] | None:
        alerts = requests.get(f"{self.now.url}/api/v1/alerts", timeout=5).json()["data"]["alerts"]
        return next((each for each in alerts if each["state"] == state), None)


def decided(ours: Lives) -> list[dict[str, Any]]:
    code, text = run("decisions", "--json", "--url", ours.now.url, folder=ours.folder)
    assert code == 0, text
    return [each for each in json.loads(text) if each["playbook"] == "stuck"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_kill_in_the_middle_of_for(written_prometheus: str, tmp_path: Path) -> None:
    begins = round(CLOCK.now().timestamp())
    # The data of the next two minutes are there already: nothing here waits for a scrape.
    stuck = Series({"__name__": "stuck", "host": "h1", "region": "arn", "rack": "r1"}, (1.0,) * 120)
    write(written_prometheus, [stuck], 1, begins)
    with mailbox() as (alertmanager, told):
        folder = prepared(tmp_path, written_prometheus, alertmanager)
        ours = Lives(folder, start(folder))
        try:
            _killed_twice(ours, told)
        finally:
            ours.kill()


def _killed_twice(ours: Lives, told: list[dict[str, Any]]) -> None:
    active_at = moment(until(lambda: ours.alert("pending"), 20)["activeAt"])
    until(lambda: CLOCK.now() - active_at > HOLD / 2, 10)

    ours.killed_and_started()
    restarted = CLOCK.now()
    assert restarted - active_at < HOLD, "too slow a machine: the restart took all of the for"
    firing = until(lambda: ours.alert("firing"), (active_at + HOLD + LATE - CLOCK.now()).total_seconds())
    assert moment(firing["activeAt"]) == active_at
    fired_at = moment(until(lambda: told, 10)[0]["startsAt"])
    assert active_at + HOLD <= fired_at <= active_at + HOLD + LATE

    # It fires for people; for playbooks it has yet to be true for as long again.
    first = min(moment(each["at"]) for each in until(lambda: decided(ours), 30))
    assert first >= restarted + HOLD - timedelta(seconds=1)

    told.clear()
    ours.killed_and_started()
    assert ours.alert("pending") is None
    again = until(lambda: ours.alert("firing"), 5)
    assert moment(again["activeAt"]) == active_at
    assert moment(until(lambda: told, 10)[0]["startsAt"]) == fired_at


def test_moments_have_a_zone() -> None:
    assert moment("2026-01-01T00:00:00Z") == datetime(2026, 1, 1, tzinfo=UTC)
