"""The keys that configs are sealed for, on a real remediator and agent: tested, exchanged, and used offline."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from remediator.agent.trial import serving
from tests.e2e.one_agent import joined
from tests.e2e.one_process import fresh_folder, run, running
from tests.e2e.test_machine_life import SMALL, Api, wait_for

pytestmark = pytest.mark.e2e
Types = Callable[..., tuple[int, str]]


@pytest.fixture
def types(tmp_path: Path) -> Iterator[tuple[Types, Api]]:
    """Types `fleetmend keys` beside a remediator with one host."""
    folder = fresh_folder(tmp_path)
    with running(folder) as remediator, joined(folder, tmp_path):
        api = Api(remediator, folder)
        wait_for(lambda: '"code":"arn"' in requests.get(f"{remediator.url}/v1/platform/regions", timeout=5).text)
        yield lambda *words: run("keys", *words, "--url", remediator.url, folder=folder), api


def copies(types: Types) -> dict[str, int]:
    found: dict[str, int] = json.loads(types("show", "--json")[1])["copies"]
    return found


def test_copies_are_sealed_anew_for_each_key_and_open_offline(types: tuple[Types, Api], tmp_path: Path) -> None:
    typed, api = types
    config: dict[str, Any] = serving(guest=SMALL, metadata={"recoverable": "true"})
    config["env"] = {**config.get("env", {}), "PASSWORD": "hunter2"}
    made = api.ask("POST", json={"config": config, "region": "arn"})
    first = json.loads(typed("show", "--json")[1])["online"]
    wait_for(lambda: copies(typed) == {first: 1})
    offline = tmp_path / "offline.key"
    code, told = typed("test")
    assert (code, "not tested: there is none" in told) == (0, True)

    assert typed("recovery", "--out", str(offline))[0] == 0
    opening = ("open", made["id"], "--recovery-key", str(offline), "--why", "drill")
    code, told = wait_for(lambda: (done := typed(*opening))[0] == 0 and done)
    assert json.loads(told)["env"]["PASSWORD"] == "hunter2"
    events = api.ask("GET", f"/{made['id']}/events")
    assert any("handed out for the recovery key" in str(event) for event in events)
    assert typed("test", "--recovery-key", str(offline))[0] == 0
    other = tmp_path / "other.key"
    other.write_bytes(offline.read_bytes()[::-1].replace(b"\n", b"") + b"\n")
    other.chmod(0o600)
    assert typed("test", "--recovery-key", str(other))[0] != 0

    assert typed("rotate")[0] == 0
    second = json.loads(typed("show", "--json")[1])["online"]
    assert second != first
    wait_for(lambda: copies(typed) == {second: 1})
    code, told = typed("test", "--recovery-key", str(offline))
    assert (code, f"1 copies sealed for {second}" in told) == (0, True)
    assert typed("rotate")[0] == 0
