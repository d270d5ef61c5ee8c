"""A running remediator and the commands by which people speak: what they say is kept, shown, and outlives a kill."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
import requests

from remediator.clock import SystemClock
from remediator.journal.sqlite import SqliteJournal
from remediator.model.machine import MachineState
from remediator.model.people import Approval
from remediator.model.request import DestroyStage
from remediator.runtime.ledger import Ledger
from tests.e2e.one_process import Running, fresh_folder, run, running, start
from tests.e2e.two_remediators import until
from tests.remediator.builders import dead, destroy, host, machine

pytestmark = pytest.mark.e2e


async def written(folder: Path, *rows: Any) -> None:
    """What an earlier life of the remediator would have left in its journal."""
    ledger = Ledger(SqliteJournal(folder / "data"))
    async with ledger.writing() as draft:
        draft.at = datetime(2026, 8, 1, 12, tzinfo=UTC)
        draft.put(*rows)
    await ledger.close()


def rows() -> list[Any]:
    now = SystemClock().now()
    asked = Approval(
        id="5fe0c1d2a3b4",
        playbook="host_dead",
        target="h1",
        action="restore_volumes",
        asked_at=now,
        expires_at=now + timedelta(minutes=30),
        then="hold_and_page",
        text="the newest snapshot of vol_1 is 2 h old, 1 h is allowed",
        verdict="dead",
        effects=("restore:vol_1:vs_7",),
        facts={"epoch": 1, "reasons": ["Ask"]},
    )
    doomed = machine("m1", "h3", state=MachineState.DESTROYING, condemned_at=now, condemned_why="replaced")
    died: dict[str, Any] = {"since": now, "status_since": now, "died_at": now}
    lost = [dead("h1", **died), dead("h3", "r3", **died)]
    return [
        *lost,
        host("h2", "r2"),
        doomed,
        destroy("m1", "h3", stage=DestroyStage.BLOCKED),
        machine("m2", "h2"),
        machine("m3", "h1"),
        asked,
    ]


Said = Callable[..., tuple[int, str]]


@contextmanager
def killed(folder: Path) -> Iterator[Running]:
    """One that ends as a power cut would end it: what was answered is on the disk."""
    alive = start(folder)
    try:
        yield alive
    finally:
        alive.process.kill()
        alive.process.wait(10)


def said_in(folder: Path) -> list[str]:
    """Every word in the journal's history."""

    async def read() -> list[str]:
        ledger = Ledger(SqliteJournal(folder / "data"))
        entries = await ledger.entries("people", 20)
        await ledger.close()
        return sorted(entry.body["word"] for entry in entries)

    return asyncio.run(read())


class Hook(BaseHTTPRequestHandler):
    """An owner's webhook; it refuses the first call, so that there must be a second."""

    heard: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append((self.headers["Idempotency-Key"], body))
        self.send_response(503 if len(self.heard) == 1 else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet: what it heard is asserted."""


@contextmanager
def owner(folder: Path) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Settings that name an owner's webhook, and what it heard."""
    Hook.heard.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = Thread(target=server.serve_forever)
    thread.start()
    settings = folder / "fleetmend.yml"
    hook = f"webhooks: {{team: {{url: http://127.0.0.1:{server.server_port}/}}}}\nowners: {{web: team}}\n"
    settings.write_text(settings.read_text() + hook)
    try:
        yield Hook.heard
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def speak(fleetmend: Said) -> None:
    assert "5fe0c1d2a3b4" in fleetmend("questions")[1]
    code, told = fleetmend("approve", "h1", "--why", "two hours are fine")
    assert (code, told.split(" by ")[0]) == (0, "host_dead/h1/restore_volumes is approved")
    assert fleetmend("hold", "host", "h2", "--for", "2h", "--why", "new kernel")[0] == 0
    assert fleetmend("maintenance", "start", "h2", "--for", "1h", "--why", "new psu")[0] == 0
    code, told = fleetmend("retire", "h3", "--attest", "destroyed", "--why", "fire in the rack")
    assert (code, told.split(" by ")[0]) == (0, "h3 is retired, attested destroyed")
    code, told = fleetmend("retire", "h2", "--attest", "destroyed", "--why", "fire")
    assert (code, "fleetmend host remove h2" in told) == (2, True)


def still_stands(fleetmend: Said, url: str) -> None:
    assert "held  host h2" in fleetmend("holds")[1]
    shown = json.loads(fleetmend("maintenance", "list", "--json")[1])
    assert [(each["host"], each["why"]) for each in shown] == [("h2", "new psu")]
    status = requests.get(f"{url}/v1/status", timeout=5).json()
    assert {each["name"]: each["life"] for each in status["hosts"]}["h3"] == "retired"
    assert [each for each in status["destroys"] if each["host"] == "h3"] == []
    assert "new kernel" in fleetmend("explain", "h2")[1]
    page = requests.get(f"{url}/metrics", timeout=5).text
    assert 'fleetmend_operator_holds{scope="host"} 1.0' in page
    assert 'fleetmend_maintenance_hosts{state="in_force"} 1.0' in page
    assert fleetmend("maintenance", "end", "h2")[0] == 0


def test_people_speak_to_a_running_remediator_and_are_heard_after_a_kill(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path)
    asyncio.run(written(folder, *rows()))
    with owner(folder) as heard:
        with killed(folder) as alive:
            speak(lambda *words: run(*words, "--url", alive.url, folder=folder))
        with running(folder) as again:
            still_stands(lambda *words: run(*words, "--url", again.url, folder=folder), again.url)
            until(lambda: len(heard) > 1, 30, "the owner was told again")
    (first, told), (second, _) = heard
    assert first == second
    assert (told["event"], told["host"], [each["id"] for each in told["machines"]]) == ("unreachable", "h1", ["m3"])
    assert said_in(folder) == ["approve", "hold", "maintenance", "maintenance_end", "retire"]
