"""What owners ask: accepted durably or refused clearly, and answered when it ended."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.model.asks import LaunchAsk, VerbAsk, VolumeAsk
from remediator.model.errors import PermanentError, TransientError
from remediator.model.host import Capacity, HostStatus, Life
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.request import Demand, Destroy, DestroyStage, Operation, Origin
from remediator.runtime.effects.written import condemn
from remediator.runtime.machines.desk import MachineDesk
from remediator.runtime.machines.requests import Requests
from remediator.wire.sealing import digest, open_config
from tests.remediator.builders import CLOSED, NOON, SECOND, dead, destroy, host, machine, operation, volume
from tests.remediator.runtime.lab import SETTINGS, Lab, record

FULL = {"guest": {"cpus": 1, "memory_mb": 256}, "env": {"SECRET": "s"}}
ASK = LaunchAsk("web", FULL, "w1", "arn")


def agent(asked: Operation) -> dict[str, Any]:
    """An agent that does whatever it is told."""
    if asked.verb == "create":
        told = {name: asked.args[name] for name in ("app", "name", "region", "instance_id", "digest", "volumes")}
        return {"record": record(asked.machine, **told)}
    if asked.verb == "snapshot":
        told = {"volume": asked.args["volume_id"], "app": "db", "created_at": NOON.isoformat()}
        return {"snapshot": told | {"id": asked.args["snapshot_id"], "size_bytes": 5, "digest": "d"}}
    return {"record": record(asked.machine, "stopped" if asked.verb == "stop" else "started")}


async def ready(*things: Any) -> Lab:
    lab = Lab(agent)
    await lab.enrol("h1", "h2")
    await lab.put(*(things or (host("h1"), host("h2", "r2"))))
    return lab


async def carried_out(lab: Lab, asked: Any) -> Any:
    """Let the agents answer while a request waits."""
    waiting = asyncio.create_task(asked)
    while not waiting.done():
        lab.outbox.send_due(frozenset({"h1", "h2"}), "", lab.clock.now())
        await asyncio.sleep(0.001)
    await lab.flights()
    return await waiting


async def test_a_machine_is_placed_written_down_and_made() -> None:
    lab = await ready()
    made = await carried_out(lab, lab.requests.create_machine(ASK))
    assert (made.state, made.app, made.name, made.host in ("h1", "h2")) == (MachineState.STARTED, "web", "w1", True)
    (call,) = lab.driver.calls
    assert (call.verb, call.host, call.origin, call.args["start"]) == ("create", made.host, Origin.OWNER, True)
    assert open_config(call.args["sealed_config"], lab.keys[made.host]) == FULL
    assert call.args["digest"] == digest(FULL)
    assert lab.requests.placements == {"arn": 1}
    await lab.ledger.close()


async def test_the_full_config_never_lies_open_in_the_journal_and_its_box_goes_when_done() -> None:
    lab = await ready()
    made = await carried_out(lab, lab.requests.create_machine(ASK))
    operation = lab.ledger.get(Operation, f"create:{made.id}")
    assert operation is not None
    assert "sealed_config" not in operation.args
    written = b"".join(body for _, body in lab.journal._rows.values())  # type: ignore[attr-defined]
    assert b"SECRET" not in written
    await lab.ledger.close()


async def test_no_room_is_refused_and_the_demand_is_noted_until_it_is_met() -> None:
    tight = host("h1", capacity=Capacity(8, 255, 100))
    lab = await ready(tight)
    for _ in range(2):
        with pytest.raises(Refused, match="could not reserve resource") as refused:
            await lab.requests.create_machine(ASK)
        lab.wait(1)
    assert (refused.value.terms.status, refused.value.terms.code) == (409, "insufficient_capacity")
    assert lab.driver.calls == []
    (demand,) = lab.ledger.all(Demand).values()
    assert (demand.key, demand.size, demand.count) == ("web/w1", Capacity(1, 256, 0), 1)
    assert (demand.first_asked, demand.last_asked) == (NOON, NOON + SECOND)
    assert lab.requests.failures == {("arn", "insufficient_capacity"): 2}
    assert dict(lab.ledger.all(Machine)) == {}
    await lab.put(host("h1"))
    await carried_out(lab, lab.requests.create_machine(ASK))
    assert dict(lab.ledger.all(Demand)) == {}
    await lab.ledger.close()


async def test_regions_that_nobody_has_are_one_series() -> None:
    lab = await ready()
    for number in range(3):
        with pytest.raises(Refused):
            await lab.requests.create_machine(replace(ASK, region=f"made-up-{number}"))
        with pytest.raises(Refused):
            await lab.requests.volumes.create(VolumeAsk("web", "data", f"made-up-{number}", 1))
    assert lab.requests.placements == {"other": 6}
    assert set(lab.requests.failures) == {("other", "insufficient_capacity"), ("other", "volume_placement_capacity")}


async def test_two_at_once_are_never_promised_the_same_room() -> None:
    lab = await ready(host("h1", capacity=Capacity(1, 256, 0)))
    answers: tuple[Any, ...] = await asyncio.gather(
        carried_out(lab, lab.requests.create_machine(ASK)),
        carried_out(lab, lab.requests.create_machine(LaunchAsk("web", FULL, "w2", "arn"))),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [Machine, Refused]
    await lab.ledger.close()


async def test_a_schedule_that_nobody_keeps_is_told() -> None:
    lab = await ready()
    made = await carried_out(lab, lab.requests.create_machine(replace(ASK, config={**FULL, "schedule": "daily"})))
    assert "schedule daily has no effect here" in made.events[-1].text


async def test_a_name_is_taken_once() -> None:
    lab = await ready(host("h1"), machine(name="w1"))
    with pytest.raises(Refused, match="w1 is taken") as refused:
        await lab.requests.create_machine(ASK)
    assert refused.value.terms.status == 412
    await lab.ledger.close()


async def test_what_an_agent_refuses_for_good_is_told_and_leaves_nothing() -> None:
    lab = await ready()

    def refuse(asked: Operation) -> dict[str, Any]:
        raise PermanentError("no such image")

    lab.driver._answer = refuse
    with pytest.raises(PermanentError, match="no such image"):
        await carried_out(lab, lab.requests.create_machine(ASK))
    assert [each.state for each in lab.ledger.all(Machine).values()] == [MachineState.DESTROYED]
    await lab.ledger.close()


async def test_a_machine_goes_where_its_volume_is() -> None:
    mounted = LaunchAsk("db", FULL | {"mounts": [{"volume": "v1", "path": "/data"}]}, "d1")
    lab = await ready(host("h1"), host("h2"), volume("v1", on="h2"))
    made = await carried_out(lab, lab.requests.create_machine(mounted))
    held = lab.ledger.get(Volume, "v1")
    assert held is not None
    assert (made.host, lab.driver.calls[0].args["volumes"], held.machine) == ("h2", ["v1"], made.id)
    with pytest.raises(Refused, match="v1 is not free"):
        await lab.requests.create_machine(LaunchAsk("db", mounted.config, "d2"))
    await lab.ledger.close()


async def asked_gone(lab: Lab, *, force: bool = True, machine_id: str = "m1") -> Destroy:
    return await lab.requests.destroy_machine(machine_id, force=force, origin=Origin.OWNER, who="anna")


async def test_a_destroy_is_refused_while_the_loss_is_fresh_and_changes_nothing() -> None:
    lab = await ready(host(life=Life.SUSPECT, since=NOON - SECOND), machine())
    with pytest.raises(Refused) as refused:
        await asked_gone(lab)
    assert (refused.value.terms.status, refused.value.terms.retry_after) == (412, 5)
    assert dict(lab.ledger.all(Destroy)) == {}
    kept = lab.ledger.get(Machine, "m1")
    assert kept == machine()
    await lab.ledger.close()


async def test_on_a_dead_host_it_is_in_the_journal_before_the_answer_and_answered_the_same_again() -> None:
    lab = await ready(dead(), machine())
    first = await asked_gone(lab)
    assert (first.origin, first.reason, first.stage) == (Origin.OWNER, "asked for by anna", DestroyStage.QUEUED)
    assert lab.journal.rows()["Destroy"]["m1"].value == first
    doomed = lab.journal.rows()["Machine"]["m1"].value
    assert (doomed.state, doomed.condemned_at) == (MachineState.DESTROYING, NOON)
    before = lab.ledger.sequence
    lab.wait(60)
    assert await asked_gone(lab) == first
    assert lab.ledger.sequence == before
    await lab.ledger.close()


async def test_without_force_a_running_machine_is_refused_even_on_a_dead_host() -> None:
    lab = await ready(dead(), machine())
    with pytest.raises(Refused, match="not currently stopped"):
        await asked_gone(lab, force=False)
    await lab.ledger.close()


async def test_neither_gate_nor_freeze_refuses_an_owner() -> None:
    lab = await ready(dead(), machine())
    lab.watch.frozen, lab.watch.gate = "by anna", CLOSED
    assert (await asked_gone(lab)).open
    await lab.ledger.close()


async def test_what_is_not_there_is_not_found() -> None:
    lab = await ready(host(), machine("m10"))
    with pytest.raises(Refused, match="machine not found") as refused:
        await asked_gone(lab)
    assert refused.value.terms.status == 404
    await lab.ledger.close()


async def test_start_and_stop_reach_the_agent_of_a_living_host() -> None:
    lab = await ready(host("h1"), machine())
    stopped = await carried_out(lab, lab.life.run(VerbAsk("m1", "stop")))
    assert stopped.state is MachineState.STOPPED
    assert (await carried_out(lab, lab.life.run(VerbAsk("m1", "start")))).state is MachineState.STARTED
    await lab.put(host("h1", status=HostStatus.UNKNOWN))
    with pytest.raises(Refused, match="cannot stop"):
        await lab.life.run(VerbAsk("m1", "stop"))
    await lab.ledger.close()


async def test_a_volume_is_made_where_there_is_disk_and_snapshotted() -> None:
    lab = await ready(host("h1", capacity=Capacity(8, 8192, 10)), host("h2"))
    made = await carried_out(lab, lab.requests.volumes.create(VolumeAsk("db", "data", "arn", 100)))
    assert (made.host, made.state, made.size_mb) == ("h2", "created", 100)
    taken = await carried_out(lab, lab.requests.volumes.snapshot(made.id))
    assert lab.ledger.get(Snapshot, taken.id) == taken
    assert (taken.volume, taken.size_bytes) == (made.id, 5)
    with pytest.raises(Refused, match="100000 MB of disk"):
        await lab.requests.volumes.create(VolumeAsk("db", "big", "arn", 100_000))
    with pytest.raises(Refused, match="snapshot not found"):
        await lab.requests.volumes.create(VolumeAsk("db", "data", "arn", 1, "vs_none"))
    await lab.ledger.close()


async def test_a_name_is_taken_by_a_replacement_too_and_free_when_all_that_had_it_are_replaced() -> None:
    lab = await ready(host("h1"), machine("m1", name="w1", replaced_by="m2"), machine("m2", name="w1", replaces="m1"))
    with pytest.raises(Refused, match="w1 is taken"):
        await lab.requests.create_machine(ASK)
    await lab.put(machine("m2", name="w1", replaces="m1", state=MachineState.DESTROYING))
    assert (await carried_out(lab, lab.requests.create_machine(ASK))).name == "w1"
    await lab.ledger.close()


async def test_what_is_accepted_and_still_under_way_is_answered_as_it_is() -> None:
    lab = await ready(host("h1"), machine("m1"), volume("v1"))
    hurried = Requests(lab.ledger, lab.watch, lab.outbox, lab.clock, SETTINGS, answer_within=0.01)
    hurried_life = MachineDesk(lab.ledger, lab.watch, hurried.carrier, lab.driver, lab.configs, lab.clock)
    made = await hurried.create_machine(ASK)
    assert (made.state, made) == (MachineState.CREATED, lab.ledger.get(Machine, made.id))
    drive = await hurried.volumes.create(VolumeAsk("db", "data", "arn", 100))
    assert (drive.state, drive) == ("creating", lab.ledger.get(Volume, drive.id))
    assert (await hurried_life.run(VerbAsk("m1", "stop"))).state is MachineState.STARTED
    taken = await hurried.volumes.snapshot("v1")
    assert (taken.volume, taken.app, taken.state) == ("v1", "db", "creating")
    assert [each.verb for each in lab.ledger.all(Operation).values() if each.open] == [
        "create", "create_volume", "stop", "snapshot",
    ]  # fmt: skip
    await lab.ledger.close()


@pytest.mark.parametrize("asker", [Origin.OWNER, Origin.OPERATOR])
async def test_who_asks_for_what_is_condemned_already_takes_it_over(asker: Origin) -> None:
    doomed = machine(state=MachineState.DESTROYING, condemned_at=NOON)
    mine, others = (operation(f"destroy:{m}:1", "destroy", machine=m) for m in ("m1", "m10"))
    lab = await ready(host(), doomed, destroy(stage=DestroyStage.SENT, epoch=1), mine, others)
    taken = await lab.requests.destroy_machine("m1", force=False, origin=asker, who="anna")
    assert (taken.origin, taken.stage, taken.epoch) == (asker, DestroyStage.SENT, 1)
    assert taken.reason == "replaced; asked for by anna"
    assert taken == lab.ledger.get(Destroy, "m1")
    raised, kept = (lab.ledger.get(Operation, each.key) for each in (mine, others))
    assert (raised, kept) == (replace(mine, origin=asker), others)
    assert await lab.told("taken_over", "m1") == [{"origin": asker.value, "who": "anna"}]
    again = await lab.requests.destroy_machine("m1", force=False, origin=Origin.OPERATOR, who="bert")
    assert again == taken
    await lab.ledger.close()


async def test_nobody_takes_over_what_is_gone_and_automation_takes_over_nothing() -> None:
    ended = destroy(stage=DestroyStage.VERIFIED_ABSENT)
    lab = await ready(host(), machine(state=MachineState.DESTROYED), ended)
    assert await asked_gone(lab) == ended
    await lab.put(replace(ended, stage=DestroyStage.QUEUED, origin=Origin.OWNER))
    kept = await lab.requests.destroy_machine("m1", force=True, origin=Origin.AUTOMATIC, who="a rule")
    assert kept.origin is Origin.OWNER
    await lab.ledger.close()


async def test_verbs_have_keys_of_their_own_across_restarts() -> None:
    lab = await ready(host("h1"), machine())
    before = lab.ledger.sequence
    await carried_out(lab, lab.life.run(VerbAsk("m1", "stop")))
    again = Lab(agent, journal=lab.journal)
    again.clock.set(NOON + SECOND)
    again.ledger.sequence = before
    await carried_out(again, again.life.run(VerbAsk("m1", "stop")))
    assert len({call.key for call in (*lab.driver.calls, *again.driver.calls)}) == 2
    await lab.ledger.close()


async def test_what_was_given_up_meanwhile_is_worth_asking_for_again() -> None:
    lab = await ready(host("h1"))
    hurried = Requests(lab.ledger, lab.watch, lab.outbox, lab.clock, SETTINGS, answer_within=0.2)
    waiting = asyncio.create_task(hurried.create_machine(ASK))
    await lab.watch.rest(5)
    await lab.put(dead("h1"))
    await lab.settle()
    with pytest.raises(TransientError, match="h1 was lost before it was done"):
        await waiting
    await lab.ledger.close()


async def test_what_ended_and_was_destroyed_before_its_create_was_told_of_was_made() -> None:
    """Its host's report overtook its result: asked for a second time it would be made twice."""
    lab = await ready(host("h1"))
    hurried = Requests(lab.ledger, lab.watch, lab.outbox, lab.clock, SETTINGS, answer_within=0.2)
    waiting = asyncio.create_task(hurried.create_machine(ASK))
    await lab.watch.rest(5)
    (made,) = lab.ledger.all(Machine)
    async with lab.ledger.writing() as draft:
        condemn(draft, made, "it has ended, and its config says auto_destroy", NOON, Origin.OWNER)
    assert (await waiting).state is MachineState.DESTROYING
    await lab.ledger.close()
