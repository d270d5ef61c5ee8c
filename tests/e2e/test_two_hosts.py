"""Two real hosts: what moves for want of room, who stands in for whom, and a return with much that is condemned."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.undead_fleet import NOTHING, Fleet, undead_fleet
from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import run
from tests.e2e.test_machine_life import wait_for

pytestmark = pytest.mark.e2e
MACHINES = "/v1/apps/web/machines"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with undead_fleet() as fleet:
        yield fleet


@pytest.fixture(scope="module")
def other(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    below: Path = tmp_path_factory.mktemp("other")
    with joined(fleet.folder, below, "h2", "r2", "cpus=200,memory_mb=2000,disk_mb=256") as agent:
        wait_for(lambda: fleet.eyes.targets("h2") >= 2)
        yield agent


def asked(fleet: Fleet, method: str, path: str, **more: Any) -> Any:
    answered = fleet.ask(method, path, **more)
    assert answered.ok, answered.text
    return answered.json()


def told(fleet: Fleet, *words: str) -> str:
    return run(*words, "--url", fleet.url, folder=fleet.folder)[1]


def made(fleet: Fleet, **more: Any) -> dict[str, Any]:
    machine: dict[str, Any] = asked(fleet, "POST", MACHINES, json={"config": {**NOTHING, **more}, "region": "arn"})
    return machine


def test_a_standby_waits_stands_in_and_stops_when_its_original_is_back(fleet: Fleet, other: Agent) -> None:
    original = made(fleet)
    standby = made(fleet, standbys=[original["id"]])
    home, path = (other, f"{MACHINES}/{standby['id']}")
    assert (standby["state"], standby["config"]["standbys"]) == ("created", [original["id"]])
    assert (bool(fleet.agent.processes(original["id"])), home.processes(standby["id"])) == (True, set())
    fleet.cut_off()
    # The store of this fleet is gone, and one witness is not enough to act: a person says yes.
    question = wait_for(lambda: re.search(r"fleetmend approve (\w+)", told(fleet, "explain", "h1")))
    # Until then its owner reads why nothing is done.
    held = asked(fleet, "GET", f"{MACHINES}/{original['id']}")["events"][0]
    assert (held["type"], held["status"]) == ("recovery", "held")
    assert "host_dead waits for a person's answer" in held["text"]
    assert held["text"] in told(fleet, "machines", "list", "--app", "web")
    told(fleet, "approve", question[1])
    assert asked(fleet, "GET", f"{path}/wait?state=started&timeout=20")["ok"]
    assert home.processes(standby["id"])
    fleet.eyes.dark.clear()
    fleet.agent.begin()
    assert asked(fleet, "GET", f"{path}/wait?state=stopped&timeout=20")["ok"]
    assert (bool(fleet.agent.processes(original["id"])), home.processes(standby["id"])) == (True, set())
    assert "standby" in {event["type"] for event in asked(fleet, "GET", path)["events"]}
    wait_for(lambda: {host["life"] for host in asked(fleet, "GET", "/v1/status")["hosts"]} == {"healthy"})


def test_an_update_without_room_makes_the_same_machine_anew_elsewhere(fleet: Fleet, other: Agent) -> None:
    machine = made(fleet)
    path = f"{MACHINES}/{machine['id']}"
    assert fleet.agent.processes(machine["id"])
    larger = {**NOTHING, "guest": {"cpus": 150.0, "memory_mb": 1}}
    after = asked(fleet, "POST", path, json={"config": larger, "current_version": machine["instance_id"]})
    assert (after["id"], after["state"], after["config"]) == (machine["id"], "started", larger)
    assert other.processes(machine["id"])
    wait_for(lambda: machine["id"] not in fleet.agent.machines())
    assert not fleet.agent.processes(machine["id"])
    wait_for(lambda: {each["stage"] for each in asked(fleet, "GET", "/v1/status")["migrations"]} == {"done"})
    assert asked(fleet, "GET", path)["config"] == larger
    assert ("launch", "created", "flyd") in {(e["type"], e["status"], e["source"]) for e in after["events"]}
    fleet.ask("DELETE", f"{path}?force=true")


def test_what_ends_by_itself_is_destroyed_where_its_config_says_so(fleet: Fleet, other: Agent) -> None:
    job = made(fleet, init={"exec": ["/bin/true"]}, auto_destroy=True)
    assert asked(fleet, "GET", f"{MACHINES}/{job['id']}/wait?state=destroyed&timeout=20")["ok"]
    assert job["id"] not in {*fleet.agent.machines(), *other.machines()}


def test_a_host_returns_with_two_hundred_condemned(fleet: Fleet, other: Agent) -> None:
    # Too large for the other host, all of them together and each alone.
    machines = fleet.create(200, {**NOTHING, "guest": {"cpus": 0.01, "memory_mb": 4000}})
    assert other.runs(machines) == set()
    assert fleet.agent.runs(machines) == set(machines)
    fleet.cut_off()
    undead = fleet.returned(machines, fleet.destroyed(machines))
    assert undead.routed == set()
    assert undead.gone_seconds is not None
