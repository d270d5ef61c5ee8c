"""Agents at the door: who they are, what their hello means, and what becomes of what they tell."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from remediator.model.errors import PermanentError, TransientError
from remediator.model.evidence import Outcome
from remediator.model.fleet import routable
from remediator.model.host import Capacity, Host, HostStatus, Identity, Life
from remediator.model.machine import Machine, MachineState, Recovery, Volume
from remediator.model.people import OperatorHold, Scope
from remediator.model.request import Destroy, DestroyStage, Operation, Origin, Stage
from tests.remediator.builders import (
    CLOSED,
    NOON,
    SECOND,
    dead,
    destroy,
    host,
    machine,
    operation,
    sealed,
    volume,
)
from tests.remediator.runtime.lab import Lab, hello, record

D = DestroyStage


def known_host(lab: Lab, name: str = "h1") -> Host:
    found = lab.ledger.get(Host, name)
    assert found is not None
    return found


def known_machine(lab: Lab, identifier: str = "m1") -> Machine:
    found = lab.ledger.get(Machine, identifier)
    assert found is not None
    return found


def known_destroy(lab: Lab, identifier: str = "m1") -> Destroy:
    found = lab.ledger.get(Destroy, identifier)
    assert found is not None
    return found


async def test_a_new_host_joins_with_what_it_says(lab: Lab) -> None:
    welcome = await lab.agents.greeted("h1", hello("h1"))
    found = known_host(lab)
    assert (found.life, found.joined, found.epoch, found.boot_id) == (Life.HEALTHY, True, 1, "boot-h1")
    assert (found.capacity, found.address) == (Capacity(8, 8192, 8192), "10.77.0.11")
    assert (welcome.epoch, welcome.term, welcome.incarnation, welcome.condemned) == (1, 3, "incarnation", ())
    assert (await lab.told("host", "h1"))[0]["reason"] == "first contact"
    assert lab.evidence.connected() == {"h1"}


async def test_a_reconnect_of_the_same_boot_changes_no_life_and_no_epoch(lab: Lab) -> None:
    await lab.agents.greeted("h1", hello("h1"))
    lab.agents.hung_up("h1")
    assert lab.evidence.connected() == set()
    assert (await lab.agents.greeted("h1", hello("h1"))).epoch == 1
    assert known_host(lab).life is Life.HEALTHY
    assert len(await lab.told("host", "h1")) == 1


@pytest.mark.parametrize(
    ("was", "boot", "why"),
    [
        (dead(epoch=4), "boot-h1", "its network came back"),
        (dead(epoch=4), "other", "rebooted"),
        (host(epoch=4), "other", "rebooted"),
    ],
)
async def test_a_host_that_was_dead_or_rebooted_is_returning_under_a_new_epoch(
    lab: Lab, was: Host, boot: str, why: str
) -> None:
    await lab.put(was)
    welcome = await lab.agents.greeted("h1", hello("h1", boot=boot))
    found = known_host(lab)
    assert (found.life, found.reason, found.epoch, welcome.epoch, found.returned_at) == (
        Life.RETURNING,
        why,
        5,
        5,
        NOON,
    )
    assert lab.agents.epoch_of("h1") == 5
    assert lab.agents.epoch_of("nobody") == 0


async def test_another_identity_under_a_known_name_is_turned_away(lab: Lab) -> None:
    await lab.put(host(identity=Identity("another", "", "")))
    with pytest.raises(PermanentError, match="another identity"):
        await lab.agents.greeted("h1", hello("h1"))
    assert known_host(lab).identity == Identity("another", "", "")
    assert lab.evidence.connected() == set()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (hello("h10"), "enrolled as h1, greets as h10"),
        ({"type": "hello"}, "cannot be read"),
        (hello("h1", capacity=4), "capacity"),
    ],
)
async def test_a_hello_that_is_none_changes_nothing(lab: Lab, said: dict[str, Any], why: str) -> None:
    with pytest.raises(PermanentError, match=why):
        await lab.agents.greeted("h1", said)
    assert dict(lab.ledger.all(Host)) == {}


async def test_what_runs_and_is_unknown_is_adopted_and_held(lab: Lab) -> None:
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1")))
    found = known_machine(lab)
    assert (found.adopted, found.host, found.state) == (True, "h1", MachineState.STARTED)
    assert found.events[0].status == "held"
    assert welcome.condemned == ()
    assert not routable(found, known_host(lab))
    assert "env" not in found.config


async def test_agents_have_authority_for_what_runs(lab: Lab) -> None:
    await lab.put(host(), machine(state=MachineState.STARTING), volume("v1"))
    told = record("m1", instance_id="I-9", sealed=sealed_text(), port=81, volumes=["v1"])
    await lab.agents.greeted("h1", hello("h1", told, volumes=[{"id": "v1", "used_bytes": 7}]))
    found, stored = known_machine(lab), lab.ledger.get(Volume, "v1")
    assert (found.state, found.instance_id, found.port, found.volumes) == (MachineState.STARTED, "I-9", 81, ("v1",))
    assert found.sealed == sealed("m1", "I-9")
    assert stored is not None
    assert stored.used_bytes == 7


def sealed_text() -> dict[str, Any]:
    held = sealed("m1", "I-9")
    return {name: getattr(held, name) for name in held.__dataclass_fields__}


async def test_what_is_destroyed_or_elsewhere_is_not_taken_over(lab: Lab) -> None:
    await lab.put(host(), machine("m1", state=MachineState.DESTROYED), machine("m2", on="h10"))
    told = [record("m1", "destroyed", instance_id="I-9"), record("m2", instance_id="I-9")]
    await lab.agents.heard("h1", {"machines": told})
    assert (known_machine(lab, "m1").state, known_machine(lab, "m1").instance_id) == (MachineState.DESTROYED, "I-m1")
    assert dict(lab.ledger.all(Destroy)) == {}
    assert (known_machine(lab, "m2").host, known_machine(lab, "m2").instance_id) == ("h10", "I-m2")


async def test_what_was_destroyed_and_runs_again_gets_its_destroy_again(lab: Lab) -> None:
    """Its create arrived after its end; under the key of the first destroy its agent would do nothing."""
    await lab.put(host(), machine(), destroy(), machine("m2", state=MachineState.DESTROYED))
    lab.probes(h1=Outcome.OK)
    first = set((await lab.settle()).operations)
    await lab.send("h1")
    assert known_machine(lab).state is MachineState.DESTROYED
    lab.wait(1)
    await lab.agents.heard("h1", {"machines": [record("m1"), record("m2", "stopped")]})
    assert (known_destroy(lab).stage, known_destroy(lab).origin) == (D.QUEUED, Origin.AUTOMATIC)
    assert known_destroy(lab, "m2").reason == "was destroyed, and is there again"
    assert not routable(known_machine(lab), known_host(lab))
    lab.probes(h1=Outcome.OK)
    again = [each for each in (await lab.settle()).operations.values() if each.machine == "m1" and each.open]
    assert [each.verb for each in again] == ["destroy"]
    assert again[0].key not in first
    await lab.send("h1")
    assert (known_machine(lab).state, known_destroy(lab).stage) == (MachineState.DESTROYED, D.VERIFIED_ABSENT)
    assert {call.machine for call in lab.driver.calls} == {"m1", "m2"}


async def test_a_hello_that_waited_while_its_host_was_declared_dead_leads_back_from_the_dead(lab: Lab) -> None:
    await lab.put(host(epoch=4), machine())
    async with lab.ledger.writing() as draft:
        greeting = asyncio.create_task(lab.agents.greeted("h1", hello("h1", record("m1"))))
        await asyncio.sleep(0.01)
        lab.wait(2)
        draft.put(host(epoch=4).moved_to(Life.DEAD, now=lab.clock.now(), reason="3 of 3 vantages hear nothing"))
    welcome = await greeting
    found = known_host(lab)
    assert (found.life, found.epoch, welcome.epoch) == (Life.RETURNING, 5, 5)
    assert found.returned_at == NOON + 2 * SECOND
    assert not routable(known_machine(lab), found)


async def test_another_identity_is_seen_although_it_joined_while_the_hello_waited(lab: Lab) -> None:
    async with lab.ledger.writing() as draft:
        greeting = asyncio.create_task(lab.agents.greeted("h1", hello("h1")))
        await asyncio.sleep(0.01)
        draft.put(host(identity=Identity("another", "", "")))
    with pytest.raises(PermanentError, match="another identity"):
        await greeting
    assert lab.evidence.connected() == set()


async def test_a_dead_host_is_not_heard_until_it_greets_anew(lab: Lab) -> None:
    """Its session outlived its death; as a heartbeat it would look alive under its old epoch."""
    await lab.put(dead(), machine(), destroy(stage=D.BLOCKED))
    before = lab.ledger.sequence
    for report in ({"type": "report"}, {"machines": [record("m1", "stopped")], "absent": ["m1"]}):
        with pytest.raises(TransientError, match="greet anew"):
            await lab.agents.heard("h1", report)
    assert lab.ledger.sequence == before
    assert lab.evidence.connected() == set()
    await lab.agents.greeted("h1", hello("h1", record("m1")))
    await lab.agents.heard("h1", {"absent": ["m1"]})
    assert known_destroy(lab).stage is D.VERIFIED_ABSENT


@pytest.mark.parametrize("broken", [{"id": "m2", "state": "levitating"}, {"id": "m2"}, {"state": "started"}, {}])
async def test_a_machine_record_that_cannot_be_read_is_told_and_passed_over(lab: Lab, broken: dict[str, Any]) -> None:
    """One of them must not take a whole host out of our hands."""
    await lab.put(host(), machine("m1", state=MachineState.STARTING))
    broken = {"config": {"env": {}}, **broken}
    await lab.agents.greeted("h1", hello("h1", broken, record("m1")))
    assert known_machine(lab).state is MachineState.STARTED
    assert set(lab.ledger.all(Machine)) == {"m1"}
    await lab.agents.heard("h1", {"machines": [broken, record("m1", "stopped")]})
    assert known_machine(lab).state is MachineState.STOPPED
    texts = [body["text"] for body in await lab.told("unreadable", "h1")]
    assert len(texts) == 2
    assert all(text.startswith("a machine record that cannot be read") for text in texts)


async def test_one_of_ours_whose_record_cannot_be_read_is_not_taken_for_lost(lab: Lab) -> None:
    await lab.put(host(), machine())
    await lab.agents.greeted("h1", hello("h1", {"id": "m1", "state": "levitating"}))
    assert known_machine(lab).state is MachineState.STARTED


async def test_a_digest_from_the_create_stands_whatever_a_host_says_later(lab: Lab) -> None:
    await lab.put(host(), machine("m1", digest="asked for"), machine("m2"))
    await lab.agents.heard("h1", {"machines": [record("m1", digest="other"), record("m2", digest="first")]})
    assert (known_machine(lab).digest, known_machine(lab, "m2").digest) == ("asked for", "first")


async def test_destroying_stays_whatever_the_agent_says_of_it(lab: Lab) -> None:
    await lab.put(host(), machine(state=MachineState.DESTROYING), destroy())
    await lab.agents.heard("h1", {"machines": [record("m1")]})
    assert known_machine(lab).state is MachineState.DESTROYING


async def test_the_welcome_names_the_condemned_and_says_that_they_were_sent(lab: Lab) -> None:
    await lab.put(dead(), machine(state=MachineState.DESTROYING), destroy(stage=D.BLOCKED), destroy("m10", on="h10"))
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1"), record("m2")))
    assert welcome.condemned == ("m1",)
    sent = known_destroy(lab)
    assert (sent.stage, sent.epoch) == (D.SENT, welcome.epoch)
    assert lab.agents.undead["h1"] == {"m1": NOON}
    assert known_destroy(lab, "m10").stage is D.QUEUED


async def test_no_closed_gate_lets_a_condemned_machine_start_again(lab: Lab) -> None:
    """It was judged when it was condemned: unnamed, its agent would start it beside what serves in its place."""
    lab.watch.gate = CLOSED
    own = destroy("m2", origin=Origin.OWNER)
    await lab.put(dead(), machine("m1"), machine("m2"), destroy("m1", stage=D.BLOCKED), own)
    assert (await lab.agents.greeted("h1", hello("h1", record("m1"), record("m2")))).condemned == ("m1", "m2")
    assert known_destroy(lab, "m1").stage is D.SENT


async def test_under_a_freeze_all_are_named_and_only_their_owners_wishes_are_sent(lab: Lab) -> None:
    """What is named does not start again; what is automatic a frozen agent does not end."""
    lab.watch.frozen = "by anna: drill"
    own = destroy("m2", origin=Origin.OWNER)
    await lab.put(dead(), machine("m1"), machine("m2"), destroy("m1", stage=D.BLOCKED), own)
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1"), record("m2")))
    assert (welcome.condemned, welcome.automatic) == (("m1", "m2"), ("m1",))
    assert (known_destroy(lab, "m1").stage, known_destroy(lab, "m2").stage) == (D.BLOCKED, D.SENT)


HELD = (
    OperatorHold(Scope.HOST, "h1", "ada", "forensics", NOON, NOON + 60 * SECOND),
    OperatorHold(Scope.APP, "web", "ada", "forensics", NOON, NOON + 60 * SECOND),
    dead(maintenance_until=NOON + 60 * SECOND),
)


@pytest.mark.parametrize("word", HELD)
async def test_what_a_person_holds_is_named_and_not_sent_until_the_word_is_over(lab: Lab, word: Any) -> None:
    """Named, so that it does not start again; and the agent is told to end none by itself."""
    own = destroy("m2", origin=Origin.OWNER)
    await lab.put(dead(), machine("m1"), machine("m2"), destroy("m1", stage=D.BLOCKED), own, word)
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1"), record("m2")))
    assert (welcome.condemned, welcome.automatic) == (("m1", "m2"), ("m1",))
    assert any(told in welcome.frozen for told in ("forensics", "in maintenance until"))
    assert (known_destroy(lab, "m1").stage, known_destroy(lab, "m2").stage) == (D.BLOCKED, D.SENT)
    lab.probes(h1=Outcome.OK)
    assert not [each for each in (await lab.settle()).operations.values() if each.machine == "m1"]
    lab.wait(60)
    lab.probes(h1=Outcome.OK)
    (sent,) = [each for each in (await lab.settle()).operations.values() if each.machine == "m1"]
    assert sent.verb == "destroy"


async def test_one_whose_volume_was_restored_elsewhere_does_not_start_on_its_hosts_return(lab: Lab) -> None:
    """Not yet condemned when its host came back; the copy has moved on without it."""
    lost = machine(volumes=("v1",), replaced_by="m2", recovery=Recovery.PLACED)
    await lab.put(dead(), host("h2"), lost, machine("m2", "h2", replaces="m1", volumes=("v2",)), volume())
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1", volumes=["v1"])))
    assert welcome.condemned == ("m1",)
    assert known_destroy(lab).stage is D.SENT


async def test_one_whose_volume_was_restored_is_not_ended_while_a_person_holds_it(lab: Lab) -> None:
    lost = machine(volumes=("v1",), replaced_by="m2", recovery=Recovery.PLACED)
    await lab.put(dead(), host("h2"), lost, machine("m2", "h2", replaces="m1", volumes=("v2",)), volume(), HELD[0])
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1", volumes=["v1"])))
    assert (welcome.condemned, welcome.automatic, "forensics" in welcome.frozen) == (("m1",), ("m1",), True)
    assert known_destroy(lab).stage is D.QUEUED


async def test_a_freeze_is_told_and_holds_automatic_destroys(lab: Lab) -> None:
    lab.watch.frozen = "by anna: drill"
    await lab.put(dead(), machine(), destroy(stage=D.BLOCKED))
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1")))
    assert (welcome.frozen, welcome.automatic) == ("by anna: drill", ("m1",))
    assert known_destroy(lab).stage is D.BLOCKED


async def test_a_condemned_machine_that_did_not_come_back_is_absent_at_once(lab: Lab) -> None:
    await lab.put(dead(), machine(volumes=("v1",)), destroy(stage=D.BLOCKED), volume(machine="m1"))
    await lab.agents.greeted("h1", hello("h1"))
    assert known_destroy(lab).stage is D.VERIFIED_ABSENT
    assert known_machine(lab).state is MachineState.DESTROYED
    freed = lab.ledger.get(Volume, "v1")
    assert freed is not None
    assert freed.free
    assert lab.agents.undead["h1"] == {}


async def test_absent_is_believed_of_the_host_that_held_it_alone(lab: Lab) -> None:
    await lab.put(host(), host("h10"), machine(), destroy(stage=D.SENT))
    await lab.agents.heard("h10", {"absent": ["m1"]})
    assert known_destroy(lab).stage is D.SENT
    await lab.agents.heard("h1", {"absent": ["m1"]})
    assert known_destroy(lab).stage is D.VERIFIED_ABSENT
    assert known_machine(lab).state is MachineState.DESTROYED
    assert (await lab.told("destroyed", "m1")) == [{"host": "h1", "origin": "automatic", "why": "replaced"}]


async def test_the_seconds_of_the_undead_are_counted(lab: Lab) -> None:
    await lab.put(dead(), machine(), destroy(stage=D.BLOCKED))
    await lab.agents.greeted("h1", hello("h1", record("m1")))
    lab.wait(0.75)
    await lab.agents.heard("h1", {"absent": ["m1"]})
    assert lab.agents.undead_seconds["h1"] == 0.75
    assert lab.agents.undead["h1"] == {}


async def test_what_was_ours_and_is_gone_has_failed(lab: Lab) -> None:
    await lab.put(host(), machine("m1"), machine("m2", on="h10"))
    await lab.agents.greeted("h1", hello("h1"))
    assert (known_machine(lab).state, known_machine(lab).events[0].kind) == (MachineState.FAILED, "lost")
    assert known_machine(lab, "m2").state is MachineState.STARTED


@pytest.mark.parametrize(
    "create",
    [
        operation("create:m1", "create", machine="m1"),
        operation("create:m1", "create", machine="m1", args={"source": "m0", "epoch": 1}),
    ],
)
async def test_what_is_still_to_be_created_is_not_lost(lab: Lab, create: Operation) -> None:
    coming = machine(state=MachineState.CREATED, replaces="m0")
    await lab.put(host(), dead("h9"), machine("m0", on="h9", recovery=Recovery.PLACED), coming, create)
    await lab.agents.greeted("h1", hello("h1"))
    assert known_machine(lab).state is MachineState.CREATED


async def test_a_plain_heartbeat_writes_nothing(lab: Lab) -> None:
    await lab.put(host())
    before = lab.ledger.sequence
    await lab.agents.heard("h1", {"type": "report"})
    assert lab.ledger.sequence == before
    assert lab.evidence.connected() == {"h1"}


async def test_full_configs_are_held_in_memory_until_their_host_is_lost(lab: Lab) -> None:
    await lab.put(host(), machine())
    await lab.agents.heard("h1", {"machines": [record("m1")]})
    full = lab.configs.get("m1", "h1")
    assert full is not None
    assert full["env"] == {"SECRET": "s"}
    assert lab.configs.get("m1", "h10") is None
    assert b"SECRET" not in b"".join(body for _, body in lab.journal._rows.values())  # type: ignore[attr-defined]
    await lab.put(replace(host(), life=Life.DEAD, status=HostStatus.UNREACHABLE))
    lab.agents.drop_lost()
    assert lab.configs.get("m1", "h1") is None


async def test_a_key_is_found_for_the_enrolled_alone(lab: Lab) -> None:
    await lab.enrol("h1")
    assert bytes(lab.agents.key_of("h1") or b"") == bytes(lab.keys["h1"].public_key)
    assert lab.agents.key_of("h10") is None
    assert lab.clock.now() < NOON + SECOND


async def test_a_result_is_taken_in_before_what_its_host_tells_next(lab: Lab) -> None:
    await lab.put(operation("k1"))
    waiting = asyncio.create_task(lab.agents.recorded("h1", "k1", record("m1") | {"config": {"env": {"A": "1"}}}))
    await lab.put(machine("m1"))
    assert (waiting.done(), lab.configs.get("m1", "h1")) == (False, {"env": {"A": "1"}})
    await lab.put(replace(operation("k1"), stage=Stage.DONE))
    await asyncio.wait_for(waiting, 0.5)
    # What is asked beside the journal is nowhere to be seen.
    await asyncio.wait_for(lab.agents.recorded("h1", "ask:k2", record("m1")), 0.5)


async def test_a_host_that_a_machine_has_left_takes_no_config_along(lab: Lab) -> None:
    """Else every list of its app would wait for a config that nobody tells again."""
    for name in ("h1", "h2"):
        await lab.agents.greeted(name, hello(name))
    await lab.put(machine("m1", "h2"))
    await lab.agents.heard("h2", {"machines": [record("m1") | {"config": {"env": {"NEW": "1"}}}]})
    await lab.agents.heard("h1", {"machines": [record("m1", "stopped") | {"config": {"env": {"OLD": "1"}}}]})
    await lab.agents.heard("h1", {"absent": ["m1"]})
    assert lab.configs.get("m1", "h2") == {"env": {"NEW": "1"}}
    await lab.agents.heard("h2", {"absent": ["m1"]})
    assert lab.configs.get("m1", "h2") is None
