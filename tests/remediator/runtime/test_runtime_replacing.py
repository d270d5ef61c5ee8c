"""An update that has no room at home: the same machine made anew elsewhere, and its old instance ended after."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.model.asks import LeaseAsk, UpdateAsk, VerbAsk
from remediator.model.errors import PermanentError
from remediator.model.fleet import routable
from remediator.model.host import Capacity, Life
from remediator.model.machine import Machine, MachineState
from remediator.model.request import Destroy, DestroyStage, Migration, MigrationStage, Operation, Origin
from remediator.wire.scrub import scrubbed
from remediator.wire.sealing import digest, open_config
from tests.remediator.builders import NOON, host, machine
from tests.remediator.runtime.lab import Lab, record

FULL: dict[str, Any] = {"guest": {"cpus": 1, "memory_mb": 256}, "env": {"SECRET": "s"}}
LARGER: dict[str, Any] = {"guest": {"cpus": 1, "memory_mb": 1024}, "env": {"SECRET": "t"}}
SMALL = Capacity(2, 512, 512)
MINE = machine("m1", config=scrubbed(FULL), digest=digest(FULL), instance_id="i-1")


class Agents:
    """What really is on each host, by machine: whether it runs. ``refuses`` is a verb that fails."""

    def __init__(self) -> None:
        self.there: dict[tuple[str, str], bool] = {("h1", "m1"): True}
        self.refuses = ""

    def __call__(self, asked: Operation) -> dict[str, Any]:
        place = asked.host, asked.machine
        if asked.verb == self.refuses:
            msg = "no such program"
            raise PermanentError(msg)
        if asked.verb == "destroy":
            self.there.pop(place, None)
            return {"absent": True}
        self.there[place] = asked.args["start"] if asked.verb == "create" else asked.verb == "start"
        assert sum(self.there.values()) <= 1, "two instances run"
        more: dict[str, Any] = {name: asked.args[name] for name in ("instance_id", "digest") if name in asked.args}
        more |= {"scrubbed": scrubbed(LARGER)} if asked.verb == "create" else {"instance_id": "i-1"}
        return {"record": record("m1", "started" if self.there[place] else "stopped", **more)}


async def ready(agents: Agents, *more: Any, mine: Machine = MINE) -> Lab:
    lab = Lab(agents)
    await lab.enrol("h1", "h2")
    await lab.put(host("h1", capacity=SMALL), host("h2", "r2"), mine, *more)
    lab.evidence.heard("h1", NOON)
    return lab


async def step(lab: Lab, *reachable: str) -> None:
    await lab.settle()
    await lab.send(*(reachable or ("h1", "h2")))


async def done(lab: Lab, asked: Any) -> Any:
    waiting = asyncio.create_task(asked)
    for _ in range(30):
        await asyncio.sleep(0)
        await step(lab)
    return await asyncio.wait_for(waiting, 1)


def move(lab: Lab) -> Migration:
    (found,) = lab.ledger.all(Migration).values()
    return found


async def test_it_is_made_anew_under_its_id_and_its_old_instance_is_seen_absent() -> None:
    agents = Agents()
    lab = await ready(agents)
    after, lease = await done(lab, lab.life.update(UpdateAsk("m1", LARGER, lease=LeaseAsk("m1", 60, "anna"))))
    assert (after.id, after.host, after.state) == ("m1", "h2", MachineState.STARTED)
    assert (after.digest, after.config, after.asks.memory_mb) == (digest(LARGER), scrubbed(LARGER), 1024)
    assert after.instance_id not in ("i-1", "")
    assert agents.there == {("h2", "m1"): True}
    assert [call.verb for call in lab.driver.calls] == ["stop", "create", "destroy"]
    assert {call.origin for call in lab.driver.calls} == {Origin.OWNER}
    assert open_config(lab.driver.calls[1].args["sealed_config"], lab.keys["h2"]) == LARGER
    assert [(event.kind, event.source) for event in after.events if event.kind in ("launch", "update")] == [
        ("launch", "flyd"),
        ("update", "user"),
    ]
    assert await lab.life.versions("m1", 5) == [{"version": "i-1", "config": scrubbed(FULL)}]
    assert lab.configs.get("m1", "h2") == LARGER
    assert lease is not None
    written = b"".join(body for _, body in lab.journal._rows.values())  # type: ignore[attr-defined]
    assert b"SECRET" not in written
    assert move(lab).anew is not None
    assert "sealed_config" not in repr(move(lab)).replace("sealed_config=''", "")
    await lab.ledger.close()


async def test_what_does_not_launch_is_made_and_stays_stopped() -> None:
    agents = Agents()
    lab = await ready(agents)
    after, _ = await done(lab, lab.life.update(UpdateAsk("m1", LARGER, start=False)))
    assert (after.host, after.state, agents.there) == ("h2", MachineState.STOPPED, {("h2", "m1"): False})
    assert move(lab).stage is MigrationStage.DONE
    await lab.ledger.close()


@pytest.mark.parametrize("state", [MachineState.STARTED, MachineState.STOPPED])
async def test_where_it_cannot_be_made_it_is_what_it_was(state: MachineState) -> None:
    agents = Agents()
    agents.refuses, agents.there["h1", "m1"] = "create", state is MachineState.STARTED
    lab = await ready(agents, mine=replace(MINE, state=state))
    with pytest.raises(PermanentError, match="not done: no such program"):
        await done(lab, lab.life.update(UpdateAsk("m1", LARGER)))
    await step(lab)
    after = lab.ledger.get(Machine, "m1")
    assert after is not None
    assert (after.host, after.state, after.digest, after.instance_id) == ("h1", state, digest(FULL), "i-1")
    assert agents.there == {("h1", "m1"): state is MachineState.STARTED}
    assert await lab.life.versions("m1", 5) == []
    await lab.ledger.close()


async def test_without_room_anywhere_or_with_a_volume_it_is_refused_and_nothing_is_written() -> None:
    full = host("h2", "r2", capacity=SMALL)
    for mine, ask in (
        (MINE, UpdateAsk("m1", LARGER)),
        (replace(MINE, volumes=("v1",)), UpdateAsk("m1", {**LARGER, "mounts": [{"volume": "v1", "path": "/d"}]})),
    ):
        lab = await ready(Agents(), *([full] if mine.stateless else []), mine=mine)
        with pytest.raises(Refused, match="could not reserve resource for machine") as refused:
            await lab.life.update(ask)
        assert refused.value.terms.status == 409
        assert not lab.ledger.all(Migration)
        await lab.ledger.close()


async def test_its_room_is_taken_on_the_target_and_no_verb_reaches_it_on_the_way() -> None:
    lab = await ready(Agents())
    asked = asyncio.create_task(lab.life.update(UpdateAsk("m1", LARGER)))
    await lab.life.news()
    fleet = lab.watch.fleet()
    assert fleet.free_on(fleet.hosts["h2"]).memory_mb == fleet.hosts["h2"].capacity.memory_mb - 1024
    for verb in ("start", "restart"):
        with pytest.raises(Refused, match="being moved to h2"):
            await lab.life.run(VerbAsk("m1", verb))
    with pytest.raises(Refused, match="being moved to h2"):
        await lab.life.update(UpdateAsk("m1", FULL))
    asked.cancel()
    await lab.ledger.close()


async def test_destroyed_on_its_way_it_ends_on_both_hosts() -> None:
    agents = Agents()
    lab = await ready(agents)
    asked = asyncio.create_task(lab.life.update(UpdateAsk("m1", LARGER)))
    await lab.life.news()
    await step(lab)
    await lab.settle()
    assert move(lab).stage is MigrationStage.STARTING
    # Its create is answered in the very instant in which it is condemned.
    await lab.requests.destroy_machine("m1", force=True, origin=Origin.OWNER, who="anna")
    await lab.send("h1", "h2")
    for _ in range(3):
        await step(lab)
    assert agents.there == {}
    ended = lab.ledger.get(Destroy, "m1")
    assert ended is not None
    assert (ended.stage, ended.host) == (DestroyStage.VERIFIED_ABSENT, "h1")
    with pytest.raises(PermanentError, match="the machine is gone"):
        await asked
    await lab.ledger.close()


async def test_its_host_dies_before_the_switch_and_nothing_routable_is_left_behind() -> None:
    agents = Agents()
    lab = await ready(agents)
    asked = asyncio.create_task(lab.life.update(UpdateAsk("m1", LARGER)))
    await lab.life.news()
    await step(lab)
    lost = lab.watch.fleet().hosts["h1"]
    await lab.put(replace(lost, life=Life.DEAD, died_at=NOON))
    await step(lab, "h2")
    with pytest.raises(PermanentError, match="source h1 was lost"):
        await asked
    known = lab.ledger.get(Machine, "m1")
    assert known is not None
    assert not routable(known, lab.watch.fleet().hosts[known.host])
    await step(lab, "h2")
    assert [place for place, runs in agents.there.items() if runs] == []
    await lab.ledger.close()


async def test_a_crash_of_ours_between_any_two_steps_changes_nothing() -> None:
    agents = Agents()
    lab = await ready(agents)
    asked = asyncio.create_task(lab.life.update(UpdateAsk("m1", LARGER)))
    await lab.life.news()
    asked.cancel()
    for _ in range(8):
        await step(lab)
        lab, before = Lab(agents, journal=lab.journal), lab
        lab.keys = before.keys
    after = lab.ledger.get(Machine, "m1")
    assert after is not None
    assert (after.host, after.digest, agents.there) == ("h2", digest(LARGER), {("h2", "m1"): True})
    await lab.ledger.close()
