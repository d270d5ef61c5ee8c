"""A config full of secrets on a real remediator and a real agent: who may read it does, and it is nowhere else."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.orchestrator.collector import Orchestrator
from exporter.orchestrator.feed import build_fetch
from exporter.orchestrator.table import build_everything
from exporter.render import render_text
from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import fresh_folder, running
from tests.e2e.test_machine_life import NONCE, Api, wait_for
from tests.remediator.api.planting import Planter, planted_config, planted_in

pytestmark = pytest.mark.e2e

# Where a full config is shown to whoever may read it, while its host is ok; and what runs by it.
CONFIGS = ("/v1/apps/{app}/machines", "/v1/apps/{app}/machines/{id}", "/v1/apps/{app}/machines/{id}/versions")
PROCESSES = "/v1/apps/{app}/machines/{id}/ps"
# What an owner has chosen to show of a machine, is shown with the machine.
METADATA = ("/v1/apps/{app}/machines/{id}/metadata", "/v1/apps/{app}/machines/{id}/metadata/{key}")
LEASE = "/v1/apps/{app}/machines/{id}/lease"
STATES = {"journal.db", "journal.db-wal", "agent.db", "agent.db-wal"}
ORG = "/v1/orgs/{org}/machines"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Api, Agent]]:
    folder = fresh_folder(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLEETMEND_LOG_LEVEL", "DEBUG")
        with running(folder) as remediator, joined(folder, tmp_path) as agent:
            api = Api(remediator, folder)
            wait_for(lambda: '"code":"arn"' in api.session.get(f"{api.root}/v1/platform/regions", timeout=5).text)
            yield api, agent


def reads(api: Api, machine: str) -> dict[str, str]:
    """What every read of the document answers, by its path's pattern."""
    document = api.session.get(f"{api.root}/openapi.json", timeout=5).json()
    named = {"{app}": "web", "{org}": "personal", "{id}": machine, "{job}": "host", "{key}": "role"}
    told = {}
    for pattern, methods in document["paths"].items():
        if "get" in methods and not pattern.endswith("/wait"):
            path = reduce(lambda text, pair: text.replace(*pair), named.items(), pattern)
            told[pattern] = api.session.get(f"{api.root}{path}", timeout=10).text
    return told


def telling(told: dict[str, str], secrets: set[str]) -> set[str]:
    return {pattern for pattern, text in told.items() if planted_in(text) & secrets}


def metrics(api: Api) -> str:
    """The remediator's own page, and the orchestrator's as the exporter makes it of the state."""
    ours = api.session.get(f"{api.root}/metrics", timeout=5).text
    return ours + render_text(build_everything(Orchestrator(build_fetch(api.root), SystemClock()))()).decode()


def holding(folder: Path, secrets: set[str]) -> set[str]:
    """Which files below a folder hold one of these."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path.name for path in files if planted_in(path.read_bytes().decode("latin-1")) & secrets}


@dataclass(frozen=True)
class Planted:
    """A machine and its secrets: of its config, of its metadata, of what was asked of it, and of its lease."""

    id: str
    nonce: str
    hidden: set[str]
    shown: set[str]
    asked: set[str]
    described: set[str]


def planted(api: Api) -> Planted:
    plant = Planter()
    config = planted_config(plant, ["/bin/sh", "-c", "sleep 600"])
    hidden = planted_in(config)
    config["metadata"] = {"role": plant(), "recoverable": "true"}
    made = api.ask("POST", json={"config": config, "region": "arn"})
    assert planted_in(config) <= planted_in(made)
    asked = {"command": ["/bin/sh", "-c", f"echo {plant()}"], "stdin": plant()}
    api.ask("POST", f"/{made['id']}/exec", json=asked)
    lease = api.ask("POST", f"/{made['id']}/lease", json={"ttl": 60, "description": plant()})["data"]
    shown = planted_in(config["metadata"])
    return Planted(made["id"], lease["nonce"], hidden, shown, planted_in(asked), planted_in(lease))


def test_a_secret_is_where_its_machine_is_and_nowhere_else(fleet: tuple[Api, Agent], tmp_path: Path) -> None:
    api, agent = fleet
    one = planted(api)
    path = f"/{one.id}"
    wait_for(lambda: api.ask("GET", path)["checks"])
    told = reads(api, one.id)
    assert telling(told, one.hidden) == {*CONFIGS, PROCESSES}
    assert telling(told, one.asked) == set()
    assert telling(told, one.described) == {LEASE}
    assert {*METADATA, ORG} <= telling(told, one.shown) <= {*CONFIGS, *METADATA, ORG}
    assert not planted_in(metrics(api))

    agent.process.kill()
    agent.process.wait(10)
    wait_for(lambda: api.ask("GET", path)["host_status"] != "ok")
    told = reads(api, one.id)
    assert telling(told, one.hidden) == set()
    assert one.shown <= planted_in(told[CONFIGS[1]])

    agent.begin()
    wait_for(lambda: api.ask("GET", path)["host_status"] == "ok")
    api.ask("DELETE", f"{path}?force=true", headers={NONCE: one.nonce})
    wait_for(lambda: api.ask("GET", path)["state"] == "destroyed")
    secrets = one.hidden | one.asked
    # Both sides' logs at their most talkative are among the files.
    assert all("DEBUG" in log.read_text() for log in (agent.log, tmp_path / "fleet" / "stderr.txt"))
    wait_for(lambda: not holding(agent.folder, secrets))
    assert holding(tmp_path, secrets) == set()
    # What is shown is in the state of either side, and in no log.
    assert "journal.db-wal" in holding(tmp_path, one.shown | one.described) <= STATES
