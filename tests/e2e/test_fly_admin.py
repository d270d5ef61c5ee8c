"""The npm client fly-admin against a real remediator and a real host: before, during and after that host's death."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from remediator.agent.trial import serving
from tests.e2e.eyes import Eyes, open_eyes
from tests.e2e.fly_admin_client import FlyAdmin, FlyAdminError, fly_admin
from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import fresh_folder, running

pytestmark = pytest.mark.e2e
SMALL = {"cpus": 0.25, "memory_mb": 256}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_folder(tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[FlyAdmin]:
    with running(folder) as remediator:
        token = (folder / "data" / "operator.token").read_text().strip()
        with fly_admin(remediator.url, token) as opened:
            yield opened


@pytest.fixture(scope="module")
def host(folder: Path, client: FlyAdmin) -> Iterator[Agent]:
    with joined(folder, folder.parent) as agent:
        until(lambda: "arn" in requests.get(f"{client.url}/v1/platform/regions", timeout=5).text)
        yield agent


@pytest.fixture
def eyes(folder: Path, host: Agent) -> Iterator[Eyes]:
    assert host.machines() is not None
    with open_eyes(folder) as opened:
        until(lambda: opened.targets("h1") >= 2)
        yield opened


def until(what: Callable[[], Any]) -> Any:
    for _ in range(300):
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def made(client: FlyAdmin) -> str:
    config = serving(guest=SMALL, metadata={"fly_platform_version": "v2"})
    machine = client.machine("createMachine", config=config, region="arn")
    assert (machine["state"], machine["config"]) == ("started", config)
    return str(machine["id"])


def test_the_whole_life_of_a_machine(client: FlyAdmin, host: Agent) -> None:
    mine = {"machine_id": made(client)}
    assert [each["id"] for each in client.machine("listMachines")] == [mine["machine_id"]]
    client.machine("stopMachine", **mine)
    assert client.machine("waitMachine", **mine, state="stopped", timeout="5s")["ok"]
    assert client.machine("startMachine", **mine)["previous_state"] == "stopped"
    client.machine("restartMachine", **mine, timeout="5s")
    client.machine("signalMachine", **mine, signal="SIGCONT")
    assert len(client.machine("listProcesses", **mine)) == 1
    client.machine("cordonMachine", **mine)
    assert client.machine("getMachine", **mine)["cordoned"] is True
    client.machine("uncordonMachine", **mine)
    updated = client.machine("updateMachine", **mine, config=serving(guest=SMALL))
    assert (updated["id"], updated["state"]) == (mine["machine_id"], "started")
    assert len(client.machine("listVersions", **mine)) == 2
    # The host reports what came of it a moment after the answer.
    until(lambda: client.machine("listEvents", **mine)[0]["type"] == "start")
    with pytest.raises(FlyAdminError, match=r"404.*lease not found"):
        client.machine("getLease", **mine)
    with pytest.raises(FlyAdminError, match=r"412.*not currently stopped"):
        client.machine("deleteMachine", **mine)
    assert client.machine("deleteMachine", **mine, force=True) == {"ok": True}
    assert client.machine("waitMachine", **mine, state="destroyed", timeout="20s")["state"] == "destroyed"
    assert client.machine("listMachines") == []
    assert [each["state"] for each in client.machine("listMachines", include_deleted="")] == ["destroyed"]
    assert host.processes(mine["machine_id"]) == set()


def test_an_app(client: FlyAdmin, host: Agent) -> None:
    assert host.machines() is not None
    made = client.call("App", "createApp", org_slug="personal", name="shop")
    assert (made["name"], made["organization"]["slug"]) == ("shop", "personal")
    assert client.call("App", "getApp", "shop")["status"] == "pending"
    assert "shop" in [each["name"] for each in client.call("App", "listApps", "personal")["apps"]]
    with pytest.raises(FlyAdminError, match=r"422.*Name has already been taken"):
        client.call("App", "createApp", org_slug="personal", name="shop")
    assert client.call("App", "deleteApp", "shop") is None
    with pytest.raises(FlyAdminError, match=r"404.*app not found"):
        client.call("App", "getApp", "shop")


def test_volumes(client: FlyAdmin, host: Agent) -> None:
    assert host.machines() is not None
    volume = client.call("Volume", "createVolume", app_name="web", name="data", region="arn", size_mb=16)
    mine = {"app_name": "web", "volume_id": volume["id"]}
    assert client.call("Volume", "getVolume", **mine)["host_status"] == "ok"
    assert client.call("Volume", "listSnapshots", **mine) == []
    assert client.call("Volume", "extendVolume", **mine, size_mb=24)["volume"]["size_mb"] == 24
    client.call("Volume", "deleteVolume", **mine)


def test_during_and_after_the_death_of_its_host(client: FlyAdmin, host: Agent, eyes: Eyes) -> None:
    lost, spared = ({"machine_id": made(client)} for _ in range(2))
    client.machine("acquireLease", **spared, ttl=600)
    volume = client.call("Volume", "createVolume", app_name="web", name="data", region="arn", size_mb=16)
    stored = {"app_name": "web", "volume_id": volume["id"]}
    eyes.dark.add("h1")
    host.end()
    seen = until(lambda: (doc := client.machine("getMachine", **lost))["host_status"] == "unreachable" and doc)
    assert (seen["config"], seen["state"]) == (None, "started")
    assert set(seen["incomplete_config"]) >= {"guest", "metadata", "mounts"}
    assert seen["incomplete_config"]["metadata"] == {"fly_platform_version": "v2"}
    assert {each["config"] for each in client.machine("listMachines")} == {None}
    with pytest.raises(FlyAdminError, match=r"412.*host is unreachable"):
        client.machine("stopMachine", **lost)
    for _ in range(2):
        assert client.machine("deleteMachine", **lost, force=True) == {"ok": True}
    assert client.machine("getMachine", **lost)["state"] == "destroying"
    with pytest.raises(FlyAdminError, match=r"409.*lease currently held by"):
        client.machine("deleteMachine", **spared, force=True)
    assert client.call("Volume", "getVolume", **stored)["host_status"] == "unreachable"
    assert client.call("Volume", "listSnapshots", **stored) == []
    with pytest.raises(FlyAdminError, match=r"412.*unreachable host"):
        client.call("Volume", "extendVolume", **stored, size_mb=24)
    assert client.call("Volume", "deleteVolume", **stored)["state"] == "pending_destroy"
    eyes.dark.clear()
    host.begin()
    assert client.machine("waitMachine", **lost, state="destroyed", timeout="30s")["state"] == "destroyed"
    assert host.processes(lost["machine_id"]) == set()
    until(lambda: volume["id"] not in str(client.call("Volume", "listVolumes", "web")))
    back = until(lambda: (doc := client.machine("getMachine", **spared))["host_status"] == "ok" and doc)
    assert back["config"]["guest"] == SMALL
    assert client.machine("waitMachine", **spared, state="started", timeout="30s")["ok"]
