"""A machine's whole life through the public API of a real remediator, on a real agent."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from remediator.agent.trial import serving
from tests.e2e.eyes import Eyes, open_eyes
from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import Running, fresh_folder, run, running

pytestmark = pytest.mark.e2e
SOON = 60.0
NONCE = "fly-machine-lease-nonce"
SMALL = {"cpus": 0.25, "memory_mb": 256}


class Api:
    """One app of a running remediator."""

    def __init__(self, remediator: Running, folder: Path) -> None:
        self.root = remediator.url
        self.url = f"{self.root}/v1/apps/web/machines"
        self.session = requests.Session()
        token = (folder / "data" / "operator.token").read_text().strip()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str = "", status: int = 200, **more: Any) -> Any:
        answered = self.session.request(method, f"{self.url}{path}", timeout=60, **more)
        assert answered.status_code == status, answered.text
        return answered.json() if answered.content else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_folder(tmp_path_factory.mktemp("life"))


@pytest.fixture(scope="module")
def fleet(folder: Path) -> Iterator[tuple[Api, Agent]]:
    with running(folder) as remediator, joined(folder, folder.parent) as agent:
        api = Api(remediator, folder)
        wait_for(lambda: '"code":"arn"' in api.session.get(f"{remediator.url}/v1/platform/regions", timeout=5).text)
        yield api, agent


@pytest.fixture
def eyes(folder: Path, fleet: tuple[Api, Agent]) -> Iterator[Eyes]:
    with open_eyes(folder) as opened:
        wait_for(lambda: opened.targets("h1") >= 2)
        yield opened


def wait_for(what: Any) -> Any:
    end = time.perf_counter() + SOON
    while time.perf_counter() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def create(api: Api, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.ask("POST", json={"config": serving(guest=SMALL), "region": "arn", **more})
    return made


def test_leases_and_a_polite_stop(fleet: tuple[Api, Agent]) -> None:
    api, _ = fleet
    made = create(api, name="m", lease_ttl=60)
    path = f"/{made['id']}"
    assert (made["state"], made["host_status"], made["incomplete_config"]) == ("started", "ok", None)
    assert api.ask("GET", f"{path}/wait?state=started&timeout=5")["ok"]
    held = api.ask("POST", f"{path}/stop", 409)["error"]
    assert "lease currently held by operator token, expires at" in held
    mine = {NONCE: made["nonce"]}
    assert api.ask("GET", f"{path}/lease")["data"]["nonce"] == made["nonce"]
    api.ask("POST", f"{path}/stop", json={"timeout": "0s"}, headers=mine)
    assert api.ask("GET", path)["state"] == "stopped"
    # The host reports what came of it a moment after the answer.
    newest = wait_for(lambda: (told := api.ask("GET", f"{path}/events")[0])["type"] == "exit" and told)
    assert newest["request"]["exit_event"]["requested_stop"] is True
    api.ask("DELETE", f"{path}/lease", headers=mine)
    assert "lease not found" in api.ask("GET", f"{path}/lease", 404)["error"]


def test_sleep_signals_and_questions(fleet: tuple[Api, Agent]) -> None:
    api, agent = fleet
    made = create(api)
    path = f"/{made['id']}"
    first = agent.processes(made["id"])
    api.ask("POST", f"{path}/suspend")
    assert api.ask("GET", path)["state"] == "suspended"
    api.ask("POST", f"{path}/start")
    assert agent.processes(made["id"]) == first
    api.ask("POST", f"{path}/restart?force_stop=true&timeout=2s")
    assert agent.processes(made["id"]) != first
    api.ask("POST", f"{path}/signal", json={"signal": "SIGCONT"})
    told = api.ask("POST", f"{path}/exec", json={"cmd": "sh -c 'echo $MACHINE_ID'"})
    assert told == {"exit_code": 0, "stdout": f"{made['id']}\n", "stderr": ""}
    assert [each["directory"] for each in api.ask("GET", f"{path}/ps")] == ["/"]


def test_metadata_is_set_read_and_guarded_by_version(fleet: tuple[Api, Agent]) -> None:
    api, _ = fleet
    made = create(api)
    path = f"/{made['id']}"
    api.ask("POST", f"{path}/metadata/team", 204, json={"value": "a"})
    assert api.ask("GET", f"{path}")["config"]["metadata"] == {"team": "a"}
    assert [each["id"] for each in api.ask("GET", "?metadata.team=a")] == [made["id"]]
    api.ask("PUT", f"{path}/metadata", 412, json={"metadata": {}, "machine_version": "another"})
    version = api.ask("GET", path)["instance_id"]
    api.ask("PATCH", f"{path}/metadata", 204, json={"metadata": {"a": "b"}, "machine_version": version})
    api.ask("DELETE", f"{path}/metadata/team", 204)
    assert api.ask("GET", f"{path}/metadata") == {"a": "b"}


def test_an_update_is_in_place_and_cordoned_machines_have_no_route(fleet: tuple[Api, Agent]) -> None:
    api, agent = fleet
    made = create(api)
    path, before = f"/{made['id']}", agent.processes(made["id"])
    config = serving(metadata={"release": "2"}, guest=SMALL)
    updated = api.ask("POST", path, json={"config": config, "current_version": made["instance_id"]})
    assert (updated["config"], updated["id"]) == (config, made["id"])
    assert updated["instance_id"] != made["instance_id"]
    assert agent.processes(made["id"]) != before
    versions = api.ask("GET", f"{path}/versions")
    assert [each["version"] for each in versions] == [updated["instance_id"], made["instance_id"]]
    api.ask("POST", path, 412, json={"config": config, "current_version": made["instance_id"]})
    large = {**config, "guest": {"cpus": 1, "memory_mb": 65536}}
    assert "could not reserve resource for machine" in api.ask("POST", path, 409, json={"config": large})["error"]
    routes = api.url.replace("/machines", "/routes")
    api.ask("POST", f"{path}/cordon")
    assert made["id"] not in api.session.get(routes, timeout=5).text
    api.ask("POST", f"{path}/uncordon")
    assert made["id"] in api.session.get(routes, timeout=5).text


def test_one_key_makes_one_machine(fleet: tuple[Api, Agent]) -> None:
    api, _ = fleet
    body = {"config": serving(guest=SMALL), "region": "arn"}
    mine = {"Idempotency-Key": "release-7"}
    first, second = (api.ask("POST", json=body, headers=mine) for _ in range(2))
    assert first["id"] == second["id"]
    other = {"config": serving(guest=SMALL), "region": "arn"}
    assert "another machine" in api.ask("POST", status=409, json=other, headers=mine)["error"]


def test_a_machine_on_a_dead_host_is_leased_destroyed_and_taken_back(
    folder: Path, fleet: tuple[Api, Agent], eyes: Eyes
) -> None:
    api, agent = fleet
    made = create(api)
    path = f"/{made['id']}"
    eyes.dark.add("h1")
    agent.end()
    lost = wait_for(lambda: (doc := api.ask("GET", path))["host_status"] == "unreachable" and doc)
    assert (lost["config"], lost["incomplete_config"]["guest"]["memory_mb"]) == (None, 256)
    assert "SECRET" not in str(lost)
    assert "host is unreachable" in api.ask("POST", f"{path}/exec", 412, json={"cmd": "id"})["error"]
    nonce = api.ask("POST", f"{path}/lease?ttl=60")["data"]["nonce"]
    api.ask("DELETE", f"{path}?force=true", 409)
    for _ in range(2):
        assert api.ask("DELETE", f"{path}?force=true", headers={NONCE: nonce}) == {"ok": True}
    assert api.ask("GET", path)["state"] == "destroying"
    told = run("undestroy", made["id"], "--app", "web", "--url", api.root, folder=folder)
    assert told == (0, f"{made['id']} is started as before; its host is unreachable")
    assert api.ask("POST", f"{path}/undestroy")["state"] == "started"
    api.ask("DELETE", f"{path}?kill=true")
    eyes.dark.clear()
    agent.begin()
    assert api.ask("GET", f"{path}/wait?state=destroyed&timeout=30")["state"] == "destroyed"
    assert agent.processes(made["id"]) == set()
    assert "sent already" in api.ask("POST", f"{path}/undestroy", 412)["error"]
