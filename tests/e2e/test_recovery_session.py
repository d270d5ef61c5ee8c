"""The recovery of an app with volumes whose host died, as its owner types it, through the Machines API alone."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from remediator.agent.trial import serving
from tests.e2e.eyes import Eyes, open_eyes
from tests.e2e.one_agent import Agent, joined
from tests.e2e.one_process import fresh_folder, run, running
from tests.e2e.test_machine_life import wait_for

pytestmark = pytest.mark.e2e
VOLUMES = "ID                      STATE   NAME    SIZE    REGION  ZONE    ENCRYPTED       ATTACHED VM     CREATED AT"
ROOM = "cpus=4,memory_mb=4096,disk_mb=65536"


class Owner:
    """Types commands for one app."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._way = ("--app", "sleeper", "--url", url)

    def types(self, line: str, *, code: int = 0) -> str:
        ended, told = run(*line.split(), *self._way, folder=self._folder)
        assert ended == code, told
        return told

    def reads(self, line: str) -> Any:
        """The JSON of a command; its progress stands behind it."""
        found, _ = json.JSONDecoder().raw_decode(self.types(f"{line} --json"))
        return found


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Owner, Eyes, dict[str, Agent]]]:
    folder = fresh_folder(tmp_path)
    with ExitStack() as stack:
        remediator = stack.enter_context(running(folder))
        names = {"h1": "r1", "h2": "r2"}
        agents = {
            name: stack.enter_context(joined(folder, tmp_path, name, rack, ROOM)) for name, rack in names.items()
        }
        eyes = stack.enter_context(open_eyes(folder))
        wait_for(lambda: all(eyes.targets(name) >= 2 for name in names))
        (folder / "machine.yml").write_text(yaml.safe_dump(serving(guest={"cpus": 0.25, "memory_mb": 256})))
        yield Owner(folder, remediator.url), eyes, agents


def test_an_app_with_volumes_recovers_from_a_snapshot(fleet: tuple[Owner, Eyes, dict[str, Agent]]) -> None:
    owner, eyes, agents = fleet
    volume, made, clone = launched(owner, next(iter(agents.values())).folder.parent / "fleet")
    owner.types(f"volumes snapshots create {volume}")
    taken = wait_for(lambda: snapshot_of(owner, volume))
    lost = host_of(agents, made)
    eyes.dark.add(lost)
    agents[lost].end()

    shown_as_lost(owner, volume, taken)
    nothing_is_deployed(owner, made, volume)
    restored = owner.types(f"volumes create data --size 10 --region arn --snapshot-id {taken}")
    assert [line.split(":")[0].strip() for line in restored.splitlines()[:4]] == ["ID", "Name", "Region", "Zone"]
    owner.types(f"machine destroy --force {made}")
    # It is listed still; what is wrong with it is said, and what can be cloned in its place.
    refused = owner.types(f"machine clone {made}", code=2)
    assert f"{made} is destroying (a sibling can be cloned: {clone})" in refused
    (second,) = owner.reads("scale count 2")["launched"]
    used = next(each for each in owner.reads("volumes list") if each["attached_machine_id"] == second)
    assert used["restored_from"] == taken
    deployed = owner.reads("deploy --env RELEASE=2")
    assert {each["id"]: each["outcome"] for each in deployed} == {clone: "updated", second: "updated"}

    eyes.dark.clear()
    agents[lost].begin()
    wait_for(lambda: made not in str(owner.reads("machines")) and agents[lost].processes(made) == set())


def launched(owner: Owner, folder: Path) -> tuple[str, str, str]:
    """A volume, a machine on it, and a clone with a volume of its own."""
    volume = owner.reads("volumes create data --size 10 --region arn")["id"]
    config = yaml.safe_load((folder / "machine.yml").read_text())
    (folder / "with.json").write_text(json.dumps({**config, "mounts": [{"volume": volume, "path": "/data"}]}))
    (made,) = owner.reads("scale count 1 --region arn --config with.json")["launched"]
    return volume, made, owner.reads(f"machine clone {made}")["id"]


def shown_as_lost(owner: Owner, volume: str, snapshot: str) -> None:
    listed = wait_for(lambda: (told := owner.types("volumes list")) and "*" in told and told)
    heading, *rows = listed.splitlines()
    # Word for word, and column for column.
    assert heading == VOLUMES
    lost = next(row for row in rows if row.startswith(f"{volume}*   created data    10GB    arn     "))
    assert lost.endswith(" ago")
    assert listed.endswith("\n\n* These volumes' hosts could not be reached.")
    told = owner.types(f"volumes snapshots list {volume}").splitlines()
    assert (told[0], told[1].split()[:3]) == ("Snapshots", ["ID", "STATUS", "SIZE"])
    assert snapshot in told[2]


def nothing_is_deployed(owner: Owner, machine: str, volume: str) -> None:
    refused = owner.types("deploy --env RELEASE=2", code=2)
    assert f"machine {machine} requires manual intervention" in refused
    assert volume in refused
    assert "RELEASE" not in str(owner.reads("machines list"))
    listed = owner.types("machines list")
    assert f"{machine}*" in listed
    assert listed.endswith("\n\n* These machines' hosts could not be reached.")
    assert "unreachable host, try again later" in owner.types(f"machine clone {machine}", code=2)


def snapshot_of(owner: Owner, volume: str) -> str:
    known = owner.reads(f"volumes snapshots list {volume}")
    return next((str(each["id"]) for each in known if each["status"] == "created"), "")


def host_of(agents: dict[str, Agent], machine: str) -> str:
    return next(name for name, agent in agents.items() if agent.processes(machine))
