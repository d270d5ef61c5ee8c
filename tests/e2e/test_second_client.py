"""Another client's own code, unmodified, against a real remediator with a real agent."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import fresh_folder, running

pytestmark = pytest.mark.e2e

# What it does, in an interpreter of its own: it takes its app and region from the environment.
SCRIPT = """
import json, sys
from sandboxer.config import ProviderConfig
from sandboxer.providers.fly_machines import FlyMachinesProvider
from sandboxer.types import CreateSandboxRequest

url, token, wish, *names = sys.argv[1:]
client = FlyMachinesProvider(ProviderConfig(api_key=token, base_url=url))
if wish == "create":
    made, told = client.create_sandbox(CreateSandboxRequest(template="registry.example/sleeper:1", envs={"A": "b"}))
    print(json.dumps([made.id, made.info().template, made.is_running()]))
elif wish == "list":
    print(json.dumps([[each.id, each.status.value] for each in client.list_sandboxes()]))
else:
    client.kill_sandbox(names[0])
    print("null")
"""


def until(what: Callable[[], bool]) -> None:
    for _ in range(300):
        if what():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about")


class Client:
    def __init__(self, url: str, folder: Path) -> None:
        self._words = [url, (folder / "data" / "operator.token").read_text().strip()]
        self._environment = {**os.environ, "FLY_APP_NAME": "sleeper", "FLY_REGION": "arn"}

    def asks(self, *words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *self._words, *words],
            env=self._environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Client, Agent]]:
    pytest.importorskip("sandboxer", reason="THE SECOND CLIENT IS NOT INSTALLED")
    programs = tmp_path / "programs"
    programs.mkdir()
    sleeper = programs / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 600\n")
    sleeper.chmod(0o755)
    folder = fresh_folder(tmp_path)
    with running(folder) as remediator, joined(folder, tmp_path) as agent:
        until(lambda: "arn" in requests.get(f"{remediator.url}/v1/platform/regions", timeout=5).text)
        yield Client(remediator.url, folder), agent


def test_it_creates_lists_and_destroys(place: tuple[Client, Agent]) -> None:
    client, agent = place
    name, image, runs = client.asks("create")
    assert (image, runs) == ("registry.example/sleeper:1", True)
    assert client.asks("list") == [[name, "running"]]
    assert len(agent.processes(name)) == 1
    client.asks("destroy", name)
    until(lambda: not agent.processes(name))
    assert client.asks("list") in ([], [[name, "stopped"]])
