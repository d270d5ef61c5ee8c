"""Volumes: made where there is room, copied, made larger, and gone only when their owner says so."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.model.asks import VolumeAsk, VolumeKept
from remediator.model.errors import PermanentError
from remediator.model.host import Capacity, HostStatus, Life
from remediator.model.machine import MachineState, Snapshot, Volume
from remediator.model.request import Migration, MigrationStage, Operation, Origin
from remediator.runtime.agents.absorb import absorb_absent
from remediator.runtime.machines.volume_ends import VolumeEnds
from tests.remediator.builders import NOON, dead, destroy, host, machine, operation, volume
from tests.remediator.runtime.lab import Lab


class Disks:
    """Agents' side of volumes; ``refuses`` is what they say no to."""

    def __init__(self) -> None:
        self.refuses: set[str] = set()
        self.restart = False

    def answer(self, asked: Operation) -> dict[str, Any]:
        if asked.verb in self.refuses:
            raise PermanentError(f"no {asked.verb} here")
        if asked.verb == "snapshot":
            told = {"volume": asked.args["volume_id"], "app": "db", "created_at": NOON.isoformat()}
            return {"snapshot": told | {"id": asked.args["snapshot_id"], "size_bytes": 5, "digest": "d"}}
        return {"needs_restart": self.restart}


class Place:
    """A laboratory with volumes."""

    def __init__(self) -> None:
        self.disks = Disks()
        self.lab = Lab(self.disks.answer)
        self.lab.ledger.before_commit.append(VolumeEnds(self.lab.ledger, self.lab.clock))
        self.volumes = self.lab.requests.volumes
        self.reachable = {"h1", "h2"}

    async def ask(self, asked: Any) -> Any:
        """Let the agents answer while a request waits."""
        waiting = asyncio.create_task(asked)
        while not waiting.done():
            self.lab.outbox.send_due(frozenset(self.reachable), "", self.lab.clock.now())
            await asyncio.sleep(0.001)
        await self.lab.flights()
        return await waiting

    async def destroyed(self, name: str) -> Volume:
        return await self.volumes.destroy(name, origin=Origin.OWNER, who="ada")

    def get(self, name: str = "v1") -> Volume | None:
        return self.lab.ledger.get(Volume, name)

    def sent(self) -> list[str]:
        return [call.verb for call in self.lab.driver.calls]

    async def send(self) -> None:
        await self.lab.send(*self.reachable)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    made = Place()
    await made.lab.put(host("h1"), host("h2", "r2"))
    yield made
    await made.lab.ledger.close()


def wanted(**more: Any) -> VolumeAsk:
    return replace(VolumeAsk("db", "data", "arn", 100), **more)


async def test_the_same_key_is_the_same_volume_and_no_other_wish(place: Place) -> None:
    made = [await place.ask(place.volumes.create(wanted(key=key))) for key in ("k1", "k1", "k2")]
    assert made[0].id == made[1].id != made[2].id
    assert place.sent() == ["create_volume"] * 2
    with pytest.raises(Refused, match="used for another volume") as refused:
        await place.volumes.create(wanted(key="k1", size_mb=200))
    assert refused.value.terms.status == 409


async def test_volumes_of_a_name_go_to_hosts_of_their_own_while_there_are_any(place: Place) -> None:
    made = [await place.ask(place.volumes.create(wanted(unique_zone="name"))) for _ in range(2)]
    assert {each.host for each in made} == {"h1", "h2"}
    with pytest.raises(Refused, match="without one yet") as refused:
        await place.volumes.create(wanted(unique_zone="name"))
    assert (refused.value.terms.status, refused.value.terms.code) == (400, "volume_placement_capacity")
    assert (await place.ask(place.volumes.create(wanted()))).host in ("h1", "h2")
    with pytest.raises(Refused, match="without one yet"):
        await place.volumes.create(wanted(name="logs", unique_zone="app"))
    assert (await place.ask(place.volumes.create(wanted(name="logs", unique_zone="name")))).name == "logs"


async def test_a_volume_goes_where_its_machine_will_fit_too(place: Place) -> None:
    await place.lab.put(host("h1", capacity=Capacity(1, 256, 9000)))
    made = await place.ask(place.volumes.create(wanted(beside=Capacity(2, 512, 0), region="")))
    assert (made.host, made.region) == ("h2", "arn")


async def test_a_copy_of_a_living_volume_is_a_snapshot_of_it_restored(place: Place) -> None:
    await place.lab.put(volume("v1", retention_days=9))
    made = await place.ask(place.volumes.create(wanted(size_mb=0, source_volume_id="v1", key="k")))
    assert place.sent() == ["snapshot", "create_volume"]
    (taken,) = place.lab.ledger.all(Snapshot).values()
    assert (taken.volume_mb, taken.host, taken.retention_days) == (100, "h1", 9)
    assert (made.size_mb, made.restored_from) == (100, taken.id)
    assert place.lab.driver.calls[1].args["snapshot_id"] == taken.id
    with pytest.raises(Refused, match="50 MB is less than the 100 MB of v1"):
        await place.volumes.create(wanted(size_mb=50, source_volume_id="v1"))
    with pytest.raises(Refused, match="source volume not found"):
        await place.volumes.create(wanted(app="web", size_mb=0, source_volume_id="v1"))


async def test_a_volume_on_a_dead_host_is_not_copied_and_its_snapshots_are_restored(place: Place) -> None:
    kept = Snapshot("vs_1", "v1", "db", NOON, 5, "d", volume_mb=100)
    await place.lab.put(dead("h1"), volume("v1"), kept)
    with pytest.raises(Refused, match="restore one of its snapshots"):
        await place.volumes.create(wanted(source_volume_id="v1"))
    with pytest.raises(Refused, match="unreachable host"):
        await place.volumes.snapshot("v1")
    made = await place.ask(place.volumes.create(wanted(size_mb=0, snapshot_id="vs_1")))
    assert (made.host, made.size_mb, made.restored_from) == ("h2", 100, "vs_1")
    with pytest.raises(Refused, match="snapshot not found"):
        await place.volumes.create(wanted(app="web", size_mb=0, snapshot_id="vs_1"))


async def test_growing_takes_its_room_at_once_and_gives_it_back_when_refused(place: Place) -> None:
    await place.lab.put(host("h1", capacity=Capacity(8, 8192, 1000)), volume("v1", machine="m1"))
    place.disks.restart = True
    assert await place.ask(place.volumes.extend("v1", 600)) == (place.get(), True)
    assert await place.volumes.extend("v1", 600) == (place.get(), False)
    with pytest.raises(Refused, match="no 401 MB more") as refused:
        await place.volumes.extend("v1", 1001)
    assert refused.value.terms.code == "volume_placement_capacity"
    with pytest.raises(Refused, match="can only grow"):
        await place.volumes.extend("v1", 599)
    place.disks.refuses = {"extend_volume"}
    with pytest.raises(PermanentError):
        await place.ask(place.volumes.extend("v1", 700))
    held = place.get()
    assert held is not None
    assert (held.size_mb, held.updated_at) == (600, NOON)
    await place.lab.put(host("h1", status=HostStatus.UNKNOWN))
    with pytest.raises(Refused, match="unreachable host"):
        await place.volumes.extend("v1", 700)


async def test_how_a_volume_is_kept_changes_while_its_host_is_dead(place: Place) -> None:
    await place.lab.put(dead("h1"), volume("v1", auto_backup=True))
    after = await place.volumes.update("v1", VolumeKept(30, None))
    assert (after.retention_days, after.auto_backup) == (30, True)
    assert (await place.volumes.update("v1", VolumeKept(None, auto_backup=False))).auto_backup is False


async def test_a_destroy_is_accepted_for_a_dead_host_and_done_when_it_is_back(place: Place) -> None:
    await place.lab.put(dead("h1"), volume("v1"))
    place.reachable = {"h2"}
    asked = [await place.destroyed("v1") for _ in range(2)]
    assert [each.state for each in asked] == ["pending_destroy"] * 2
    await place.send()
    assert place.get() is not None
    place.reachable.add("h1")
    await place.send()
    assert (place.get(), place.sent()) == (None, ["destroy_volume"])
    assert (await place.lab.told("volume_condemned", "v1"))[0] == {"origin": "owner", "who": "ada"}
    assert len(await place.lab.told("volume_destroyed", "v1")) == 1
    with pytest.raises(Refused, match="volume not found"):
        await place.destroyed("v1")


async def test_an_attached_volume_stays_until_its_machine_is_gone(place: Place) -> None:
    await place.lab.put(machine("m1", volumes=("v1",)), volume("v1", machine="m1"))
    with pytest.raises(Refused, match="attached to machine m1") as refused:
        await place.destroyed("v1")
    assert refused.value.terms.status == 412
    doomed = machine("m1", volumes=("v1",), state=MachineState.DESTROYING)
    await place.lab.put(doomed, destroy("m1"))
    assert (await place.destroyed("v1")).state == "waiting_for_detach"
    await place.send()
    assert place.sent() == []
    async with place.lab.ledger.writing() as draft:
        absorb_absent(draft, "h1", ["m1"], NOON)
    await place.send()
    assert (place.get(), place.sent()) == (None, ["destroy_volume"])


async def test_what_an_agent_refuses_to_destroy_is_there_for_another_try(place: Place) -> None:
    await place.lab.put(volume("v1"))
    place.disks.refuses = {"destroy_volume"}
    await place.destroyed("v1")
    await place.send()
    held = place.get()
    assert held is not None
    assert (held.state, held.free) == ("created", True)
    place.disks.refuses.clear()
    await place.destroyed("v1")
    await place.send()
    assert place.get() is None


async def test_a_volume_that_is_being_made_can_be_given_up(place: Place) -> None:
    making = operation("k", "create_volume", on="h1", args={"volume_id": "v1"})
    await place.lab.put(dead("h1"), volume("v1", state="creating"), making)
    await place.destroyed("v1")
    assert place.lab.ledger.get(Operation, "k") is None
    await place.send()
    assert (place.get(), place.sent()) == (None, ["destroy_volume"])


@pytest.mark.parametrize(
    ("state", "moves", "why"),
    [("restoring", False, "being restored"), ("created", True, "being moved with machine m1")],
)
async def test_what_is_on_its_way_is_not_destroyed(place: Place, state: str, moves: bool, why: str) -> None:
    move = Migration("g1", "m1", "db", "h1", "h2", NOON, "drain", MigrationStage.COPYING, volumes={"v0": "v1"})
    await place.lab.put(volume("v1", state=state), *([move] if moves else []))
    with pytest.raises(Refused, match=why):
        await place.destroyed("v1")


async def test_with_a_host_that_is_gone_for_good_its_doomed_volumes_go_at_once(place: Place) -> None:
    await place.lab.put(dead("h1"), volume("v1"), volume("v2"))
    await place.destroyed("v1")
    await place.lab.put(*(replace(each, state="lost") for each in place.lab.ledger.all(Volume).values()))
    assert (place.get("v1"), place.get("v2") is not None) == (None, True)
    assert not any(each.open for each in place.lab.ledger.all(Operation).values())
    await place.lab.put(host("h1", life=Life.RETIRED, status=HostStatus.UNREACHABLE))
    await place.destroyed("v2")
    assert place.get("v2") is None
