"""What owners ask of machines that are there: under leases, written down before it is done, and answered."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.model.asks import LaunchAsk, LeaseAsk, MetadataAsk, UpdateAsk, VerbAsk
from remediator.model.errors import PermanentError
from remediator.model.host import Capacity
from remediator.model.machine import Event, Machine, MachineState
from remediator.model.machine_lease import MachineLease
from remediator.model.request import Destroy, DestroyStage, Operation, Origin
from remediator.wire.sealing import digest, open_config
from tests.remediator.builders import NOON, dead, destroy, host, machine, operation
from tests.remediator.runtime.lab import Lab, record

FULL: dict[str, Any] = {"guest": {"cpus": 1, "memory_mb": 256}, "env": {"SECRET": "s"}, "metadata": {"a": "1"}}
SCRUBBED = {"guest": FULL["guest"], "metadata": FULL["metadata"]}
MINE = machine("m1", config=SCRUBBED, digest=digest(FULL), instance_id="i-1")


class Agent:
    """Does what it is told; ``fails`` is raised by it, ``told`` is what it answers to questions."""

    fails: Exception | None = None

    def __call__(self, asked: Operation) -> dict[str, Any]:
        if self.fails is not None:
            raise self.fails
        if asked.verb == "exec":
            return {"exit_code": 0, "stdout": "", "stderr": ""}
        state = {"stop": "stopped", "suspend": "suspended"}.get(asked.verb, "started")
        more: dict[str, Any] = {}
        if asked.verb == "update":
            more = {"instance_id": asked.args["instance_id"], "digest": asked.args["digest"]}
        if asked.verb == "set_metadata":
            more = {"digest": "agents", "scrubbed": {**SCRUBBED, "metadata": asked.args["metadata"]}}
        return {"record": record(asked.machine, state, **more)}


async def ready(*things: Any, agent: Agent | None = None) -> Lab:
    lab = Lab(agent or Agent())
    await lab.enrol("h1")
    await lab.put(*(things or (host("h1"), MINE)))
    lab.configs.learn("h1", [{"id": "m1", "config": FULL}])
    return lab


async def done(lab: Lab, asked: Any) -> Any:
    """Let the agents answer while a request waits."""
    waiting = asyncio.create_task(asked)
    while not waiting.done():
        lab.outbox.send_due(frozenset({"h1"}), "", lab.clock.now())
        await asyncio.sleep(0.001)
    await lab.flights()
    return await waiting


@pytest.mark.parametrize(
    ("verb", "args", "state"),
    [
        ("start", {}, "started"),
        ("stop", {"signal": "SIGINT", "timeout_s": 3.0}, "stopped"),
        ("restart", {"signal": 9}, "started"),
        ("suspend", {}, "suspended"),
        ("signal", {"signal": 10}, "started"),
    ],
)
async def test_a_verb_is_written_down_and_carried_out(verb: str, args: dict[str, Any], state: str) -> None:
    lab = await ready()
    after = await done(lab, lab.life.run(VerbAsk("m1", verb, args)))
    assert (after.state.value, lab.driver.calls[0].args) == (state, {"machine_id": "m1", **args})
    assert lab.driver.calls[0].origin is Origin.OWNER
    assert (verb, "user") in [(event.kind, event.source) for event in after.events]
    await lab.ledger.close()


async def test_a_verb_is_refused_where_it_makes_no_sense_and_nothing_is_written() -> None:
    stopped, gone = (
        replace(MINE, id=name, state=state)
        for name, state in (("m2", MachineState.STOPPED), ("m3", MachineState.DESTROYING))
    )
    lab = await ready(host("h1"), dead("h2"), MINE, stopped, gone, machine("m4", "h2"))
    for machine_id, verb, told in (
        ("m2", "suspend", "while it is stopped"),
        ("m3", "start", "being destroyed"),
        ("m4", "stop", "host is unreachable"),
        ("m9", "start", "not found"),
    ):
        with pytest.raises(Refused, match=told):
            await lab.life.run(VerbAsk(machine_id, verb))
    assert not lab.ledger.all(Operation)
    await lab.ledger.close()


async def test_a_lease_keeps_others_out_until_it_ends() -> None:
    lab = await ready()
    lease = await lab.life.take_lease(LeaseAsk("m1", 60, "anna"))
    told = "machine ID m1 lease currently held by anna, expires at 2026-08-01T12:01:00Z"
    with pytest.raises(Refused, match=told) as refused:
        await lab.life.run(VerbAsk("m1", "stop"))
    assert refused.value.terms.status == 409
    for asked in (
        lab.life.cordon("m1", "", cordoned=True),
        lab.life.take_lease(LeaseAsk("m1", 60, "bert")),
        lab.life.release_lease("m1", "wrong"),
        lab.requests.destroy_machine("m1", force=True, origin=Origin.OWNER, who="bert"),
    ):
        with pytest.raises(Refused, match="currently held by anna"):
            await asked
    assert (await lab.life.take_lease(LeaseAsk("m1", 120, "anna", lease.nonce))).nonce == lease.nonce
    assert (await done(lab, lab.life.run(VerbAsk("m1", "stop", nonce=lease.nonce)))).state is MachineState.STOPPED
    lab.clock.set(NOON + timedelta(seconds=121))
    assert lab.life.lease("m1") is None
    other = await lab.life.take_lease(LeaseAsk("m1", 60, "bert"))
    assert other.nonce != lease.nonce
    await lab.life.release_lease("m1", other.nonce)
    with pytest.raises(Refused, match="lease not found"):
        await lab.life.release_lease("m1", other.nonce)
    await lab.ledger.close()


async def test_leases_are_granted_on_lost_machines_and_end_with_them() -> None:
    lab = await ready(dead("h1"), MINE)
    lease = await lab.life.take_lease(LeaseAsk("m1", 60, "anna"))
    assert lab.ledger.get(MachineLease, "m1") == lease
    assert lease.nonce not in repr(lease)
    await lab.requests.destroy_machine("m1", force=True, origin=Origin.OWNER, who="anna", nonce=lease.nonce)
    assert not lab.ledger.all(MachineLease)
    await lab.requests.destroy_machine("m1", force=True, origin=Origin.OWNER, who="anna")
    await lab.ledger.close()


async def test_an_update_is_sealed_for_its_host_and_moves_the_digest() -> None:
    lab = await ready()
    new = {**FULL, "env": {"SECRET": "t"}}
    after, lease = await done(lab, lab.life.update(UpdateAsk("m1", new, lease=LeaseAsk("m1", 60, "anna"))))
    (call,) = lab.driver.calls
    assert open_config(call.args["sealed_config"], lab.keys["h1"]) == new
    assert (after.id, after.digest, after.instance_id) == ("m1", digest(new), call.args["instance_id"])
    assert after.instance_id != "i-1"
    assert lease is not None
    assert lab.configs.get("m1", "h1") == new
    assert await lab.life.versions("m1", 5) == [{"version": "i-1", "config": SCRUBBED}]
    written = b"".join(body for _, body in lab.journal._rows.values())  # type: ignore[attr-defined]
    assert b"SECRET" not in written
    assert "sealed_config" not in (lab.ledger.get(Operation, call.key) or call).args
    await lab.ledger.close()


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (UpdateAsk("m1", FULL, current_version="i-0"), "has version i-1, not i-0"),
        (UpdateAsk("m1", FULL, region="iad"), "cannot be updated into iad"),
        (UpdateAsk("m1", {**FULL, "mounts": [{"volume": "v1", "path": "/d"}]}), "cannot change its volumes"),
        (UpdateAsk("m1", {"guest": {"cpus": 1, "memory_mb": 1 << 20}}), "could not reserve resource for machine"),
    ],
)
async def test_an_update_that_cannot_be_in_place_is_refused(ask: UpdateAsk, told: str) -> None:
    lab = await ready()
    with pytest.raises(Refused, match=told):
        await lab.life.update(ask)
    assert lab.ledger.get(Machine, "m1") == MINE
    await lab.ledger.close()


async def test_a_full_host_still_takes_an_update_that_does_not_grow() -> None:
    lab = await ready(host("h1", capacity=Capacity(1, 128, 0)), MINE)
    after, _ = await done(lab, lab.life.update(UpdateAsk("m1", {**FULL, "env": {}})))
    assert after.digest == digest({**FULL, "env": {}})
    await lab.ledger.close()


async def test_an_update_that_fails_gives_its_room_back() -> None:
    agent = Agent()
    agent.fails = PermanentError("no such program")
    lab = await ready(agent=agent)
    larger = {"guest": {"cpus": 2, "memory_mb": 512}}
    with pytest.raises(PermanentError, match="no such program"):
        await done(lab, lab.life.update(UpdateAsk("m1", larger)))
    after = lab.ledger.get(Machine, "m1")
    assert after is not None
    assert (after.config, after.digest, after.events[0].text) == (SCRUBBED, digest(FULL), "no such program")
    await lab.ledger.close()


async def test_metadata_is_merged_replaced_and_guarded() -> None:
    lab = await ready()
    after = await done(lab, lab.life.set_metadata(MetadataAsk("m1", {"b": "2"}, version="i-1")))
    assert after.config["metadata"] == {"a": "1", "b": "2"}
    assert lab.driver.calls[0].args["digest"] == digest({**FULL, "metadata": {"a": "1", "b": "2"}})
    assert after.digest == lab.driver.calls[0].args["digest"]
    after = await done(lab, lab.life.set_metadata(MetadataAsk("m1", {"a": None, "c": "3"}, whole=True)))
    assert after.config["metadata"] == {"c": "3"}
    assert (await lab.life.set_metadata(MetadataAsk("m1", {"c": "3"}))).config == after.config
    assert len(lab.driver.calls) == 2
    for stale in (MetadataAsk("m1", {}, version="i-0"), MetadataAsk("m1", {}, updated_at=NOON - timedelta(days=1))):
        with pytest.raises(Refused, match=r"has version|was changed since"):
            await lab.life.set_metadata(stale)
    await lab.ledger.close()


async def test_questions_go_straight_to_the_host_and_leave_no_trace() -> None:
    lab = await ready()
    lab.evidence.heard("h1", NOON)
    told = await lab.life.ask(VerbAsk("m1", "exec", {"command": ["id"]}), 5)
    assert told["exit_code"] == 0
    assert not lab.ledger.all(Operation)
    first, second = [await lab.life.ask(VerbAsk("m1", "exec", {"command": ["id"]}), 5) for _ in range(2)]
    assert first == second
    assert len({call.key for call in lab.driver.calls}) == 3
    await lab.ledger.close()


async def test_a_command_whose_answer_is_lost_is_not_worth_repeating() -> None:
    lab = await ready()
    with pytest.raises(Refused, match="not in touch this moment"):
        await lab.life.ask(VerbAsk("m1", "exec", {"command": ["id"]}), 5)
    lab.evidence.heard("h1", NOON)
    lab.driver.away = {"h1"}
    with pytest.raises(Refused, match="the command may have run") as refused:
        await lab.life.ask(VerbAsk("m1", "exec", {"command": ["id"]}), 5)
    assert refused.value.terms.status == 408
    await lab.ledger.close()


async def test_cordoned_machines_are_not_routable_and_their_host_is_not_asked() -> None:
    lab = await ready(dead("h1"), MINE)
    for _ in range(2):
        assert (await lab.life.cordon("m1", "", cordoned=True)).cordoned
    assert not (await lab.life.cordon("m1", "", cordoned=False)).cordoned
    assert not lab.driver.calls
    await lab.ledger.close()


async def test_a_destroy_that_was_not_sent_is_taken_back() -> None:
    told = Event(NOON, "stopped", "stopped", "agent"), Event(NOON, "stop", "stopping", "user")
    lab = await ready(dead("h1"), replace(MINE, state=MachineState.STOPPED, events=told))
    await lab.requests.destroy_machine("m1", force=True, origin=Origin.OWNER, who="anna")
    for _ in range(2):
        back = await lab.life.undestroy("m1", "anna")
        assert (back.state, back.condemned_at) == (MachineState.STOPPED, None)
    assert not lab.ledger.all(Destroy)
    assert await lab.told("undestroyed", "m1") == [{"host": "h1", "who": "anna"}]
    await lab.ledger.close()


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (destroy(stage=DestroyStage.SENT, epoch=1, origin=Origin.OWNER), "was sent already"),
        (destroy(stage=DestroyStage.BLOCKED, epoch=1, origin=Origin.OWNER), "was sent already"),
        (destroy(stage=DestroyStage.BLOCKED, origin=Origin.AUTOMATIC), "condemned by a playbook"),
    ],
)
async def test_what_was_sent_or_is_not_its_owners_stays(known: Destroy, told: str) -> None:
    lab = await ready(dead("h1"), replace(MINE, state=MachineState.DESTROYING, condemned_at=NOON), known)
    with pytest.raises(Refused, match=told):
        await lab.life.undestroy("m1", "anna")
    assert lab.ledger.get(Destroy, "m1") == known
    await lab.ledger.close()


async def test_a_destroy_that_flies_is_sent() -> None:
    flying = operation("destroy:m1:1", "destroy", machine="m1")
    queued = destroy(origin=Origin.OWNER)
    lab = await ready(host("h1"), replace(MINE, state=MachineState.DESTROYING), queued, flying)
    with pytest.raises(Refused, match="was sent already"):
        await lab.life.undestroy("m1", "anna")
    await lab.ledger.close()


async def test_the_config_of_a_machine_under_way_is_read_as_it_was_sent() -> None:
    lab = await ready()
    waiting = asyncio.create_task(lab.requests.create_machine(LaunchAsk("web", FULL, "new", "arn", cordoned=True)))
    await lab.life.news()
    await asyncio.sleep(0)
    made = [each for each in lab.ledger.all(Machine).values() if each.name == "new"]
    assert lab.configs.get(made[0].id, "h1") == FULL
    assert made[0].cordoned
    waiting.cancel()
    await lab.ledger.close()


async def test_news_is_the_next_commit() -> None:
    lab = await ready()
    waiting, before = asyncio.create_task(lab.life.news()), lab.life.news()
    await asyncio.sleep(0)
    assert not waiting.done()
    await lab.life.cordon("m1", "", cordoned=True)
    await asyncio.wait_for(waiting, 1)
    # It counts from the call, not from when it is awaited.
    await asyncio.wait_for(before, 1)
    await lab.ledger.close()
