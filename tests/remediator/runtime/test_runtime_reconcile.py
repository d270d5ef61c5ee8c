"""What every tick settles: returns, withdrawals, destroys, migrations and creates whose target died."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.model.evidence import Outcome
from remediator.model.fleet import Fleet, routable
from remediator.model.host import Host, HostStatus, Life
from remediator.model.machine import Machine, MachineState, Recovery, Volume
from remediator.model.request import Destroy, DestroyStage, Migration, MigrationStage, Operation, Origin, Stage
from remediator.runtime import reconcile
from tests.remediator.builders import (
    CLOSED,
    NOON,
    SECOND,
    dead,
    destroy,
    host,
    machine,
    operation,
    returning,
    volume,
)
from tests.remediator.runtime.lab import Lab, hello, record

D, M = DestroyStage, MigrationStage


def on_the_route(known: Fleet) -> set[str]:
    return {each.id for each in known.machines.values() if routable(each, known.hosts.get(each.host))}


def destroy_key(machine_id: str, epoch: int) -> str:
    return f"destroy:{machine_id}:{epoch}:{NOON.timestamp():.3f}"


def original(**more: Any) -> Machine:
    held = {"recovery": Recovery.SERVING, "replaced_by": "m2"}
    return machine("m1", **(held | more))


REPLACEMENT = machine("m2", on="h2", replaces="m1")


async def test_a_host_that_returns_within_patience_keeps_its_originals_in_one_transaction(lab: Lab) -> None:
    await lab.put(dead(), host("h2"), original(), REPLACEMENT)
    assert on_the_route(lab.watch.fleet()) == {"m2"}
    await lab.agents.greeted("h1", hello("h1", record("m1")))
    assert on_the_route(lab.watch.fleet()) == {"m2"}
    before = lab.ledger.sequence
    lab.probes(h1=Outcome.OK, h2=Outcome.OK)
    known = await lab.settle()
    assert lab.ledger.sequence == before + 1
    assert on_the_route(known) == {"m1"}
    back = known.hosts["h1"]
    assert (back.life, back.status) == (Life.PROBATION, HostStatus.OK)
    kept, withdrawn = known.machines["m1"], known.machines["m2"]
    assert (kept.replaced_by, kept.recovery) == ("", Recovery.NONE)
    assert (withdrawn.state, withdrawn.condemned_why) == (
        MachineState.DESTROYING, "withdrawn: its original came back in time",
    )  # fmt: skip
    assert known.destroys["m2"].host == "h2"


async def test_at_no_step_of_a_return_are_both_or_neither_on_the_route(lab: Lab) -> None:
    """Two originals: one stays, and serves at once; one has a restored volume and must go, and its copy serves on."""
    gone = machine("m3", app="db", volumes=("v1",), recovery=Recovery.SERVING, replaced_by="m4")
    await lab.put(dead(), host("h2"), original(), REPLACEMENT, gone, machine("m4", on="h2", app="db", replaces="m3"))
    await lab.agents.greeted("h1", hello("h1", record("m1"), record("m3", volumes=["v1"])))
    lab.probes(h1=Outcome.OK, h2=Outcome.OK)
    known = await lab.settle()
    assert on_the_route(known) == {"m1", "m4"}
    assert known.destroys["m3"].open
    assert known.hosts["h1"].life is Life.RETURNING
    await lab.agents.heard("h1", {"absent": ["m3"]})
    known = await lab.settle()
    assert on_the_route(known) == {"m1", "m4"}
    assert known.hosts["h1"].life is Life.PROBATION


async def test_the_condemned_are_gone_before_anything_of_their_host_is_on_the_route(lab: Lab) -> None:
    await lab.put(dead(), host("h2"), original(state=MachineState.DESTROYING), REPLACEMENT, destroy(stage=D.BLOCKED))
    await lab.put(machine("m9"))
    await lab.agents.greeted("h1", hello("h1", record("m1"), record("m9")))
    lab.probes(h1=Outcome.OK, h2=Outcome.OK)
    assert on_the_route(await lab.settle()) == {"m2"}
    await lab.agents.heard("h1", {"absent": ["m1"]})
    assert on_the_route(await lab.settle()) == {"m2", "m9"}


async def test_a_returning_host_that_is_lost_again_is_dead_and_not_admitted(lab: Lab) -> None:
    """Its connection is not yet known to be gone, and nothing but that would keep it from being admitted."""
    await lab.put(returning(ago=20 * SECOND), host("h2"), original(state=MachineState.STOPPED), REPLACEMENT)
    lab.evidence.heard("h1", NOON - 10 * SECOND)
    lab.probes(h1=Outcome.SILENT, h2=Outcome.OK)
    lab.watch.look()
    lab.wait(1)
    await lab.put(replace(original(state=MachineState.STOPPED), replaced_by=""))
    lab.wait(2.5)
    lab.probes(h1=Outcome.SILENT, h2=Outcome.OK)
    known = await lab.settle()
    assert (known.hosts["h1"].life, known.hosts["h1"].status) == (Life.DEAD, HostStatus.UNREACHABLE)
    assert known.machines["m2"].alive


async def test_a_death_is_written_with_the_votes_behind_it(lab: Lab) -> None:
    await lab.put(host("h1"), host("h10"))
    for _ in range(5):
        lab.probes(h1=Outcome.SILENT, h10=Outcome.OK)
        await lab.settle()
        lab.wait(1)
    assert lab.watch.fleet().hosts["h1"].life is Life.DEAD
    assert lab.watch.fleet().hosts["h10"].life is Life.HEALTHY
    died = (await lab.told("host", "h1"))[-1]
    assert (died["life"], died["status"]) == ("dead", "unreachable")
    assert died["votes"] == {"p-r1": "silent", "p-r2": "silent", "p-r3": "silent"}
    assert await lab.told("host", "h10") == []


async def test_with_nothing_heard_since_the_start_every_status_stands(lab: Lab) -> None:
    await lab.put(dead("h1"), host("h2"), host("h3", status=HostStatus.UNKNOWN))
    before = lab.ledger.sequence
    await lab.settle()
    assert lab.ledger.sequence == before


async def test_destroys_are_sent_to_hosts_in_touch_under_their_epoch(lab: Lab) -> None:
    await lab.put(host("h1", epoch=4), machine(), destroy())
    lab.probes(h1=Outcome.OK)
    known = await lab.settle()
    (sent,) = known.operations.values()
    assert sent.key == destroy_key("m1", 4)
    assert (sent.verb, sent.host, sent.args, sent.origin) == ("destroy", "h1", {"machine_id": "m1"}, Origin.AUTOMATIC)
    assert (known.destroys["m1"].stage, known.destroys["m1"].epoch) == (D.SENT, 4)
    before = lab.ledger.sequence
    await lab.settle()
    assert lab.ledger.sequence == before


async def test_one_that_was_sent_before_a_reboot_is_sent_anew(lab: Lab) -> None:
    """The host rebooted without ever being dead, under a freeze: its agent ended nothing."""
    lab.watch.frozen = "by anna: drill"
    await lab.put(host("h1", epoch=1), machine(), destroy(stage=D.SENT, epoch=1))
    await lab.agents.greeted("h1", hello("h1", record("m1"), boot="other"))
    lab.watch.frozen = ""
    lab.probes(h1=Outcome.OK)
    known = await lab.settle()
    assert (known.destroys["m1"].stage, known.destroys["m1"].epoch) == (D.SENT, 2)
    assert known.operations[destroy_key("m1", 2)].open


async def test_nothing_starts_a_machine_that_was_condemned_since(lab: Lab) -> None:
    await lab.put(host("h1"), machine("m1", state=MachineState.DESTROYING), machine("m2"))
    await lab.put(operation("g1:start", machine="m1"), operation("g2:start", machine="m2"))
    await lab.put(operation("g1:stop", "stop", machine="m1"))
    lab.probes(h1=Outcome.OK)
    assert set((await lab.settle()).operations) == {"g2:start", "g1:stop"}


async def test_automatic_destroys_wait_for_gate_and_thaw_but_owners_do_not(lab: Lab) -> None:
    await lab.put(host("h1"), machine("m1"), machine("m2"), destroy("m1"), destroy("m2", origin=Origin.OWNER))
    lab.watch.gate = CLOSED
    lab.probes(h1=Outcome.OK)
    assert set((await lab.settle()).operations) == {destroy_key("m2", 1)}
    lab.watch.gate, lab.watch.frozen = replace(CLOSED, open=True), "by anna"
    assert set((await lab.settle()).operations) == {destroy_key("m2", 1)}
    lab.watch.frozen = ""
    assert set((await lab.settle()).operations) == {destroy_key("m1", 1), destroy_key("m2", 1)}


@pytest.mark.parametrize("origin", [Origin.AUTOMATIC, Origin.OWNER])
async def test_what_was_written_before_the_gate_closed_is_not_sent_after(lab: Lab, origin: Origin) -> None:
    """As after a crash between the commit and the call: the store has not been heard yet."""
    sent = destroy("m1", stage=D.SENT, epoch=1, origin=origin)
    freed = operation("g1:free", "destroy", machine="m1", args={"migration": "g1"})
    await lab.put(host("h1"), machine("m1"), sent, operation("k1", "destroy", machine="m1", origin=origin), freed)
    lab.watch.gate = CLOSED
    lab.probes(h1=Outcome.OK)
    known = await lab.settle()
    taken_back = origin is Origin.AUTOMATIC
    assert set(known.operations) == ({"g1:free"} if taken_back else {"k1", "g1:free"})
    assert known.destroys["m1"].stage is (D.BLOCKED if taken_back else D.SENT)
    lab.watch.gate = replace(CLOSED, open=True)
    lab.wait(3)
    lab.probes(h1=Outcome.OK)
    assert (await lab.settle()).destroys["m1"].stage is D.SENT


async def test_destroys_on_a_dead_host_say_that_they_wait(lab: Lab) -> None:
    await lab.put(dead(), machine("m1"), machine("m2"), destroy("m1"), destroy("m2", stage=D.SENT, epoch=1))
    known = await lab.settle()
    assert {each.stage for each in known.destroys.values()} == {D.BLOCKED}


async def test_a_replacement_that_runs_completes_its_originals_recovery(lab: Lab) -> None:
    waiting = original(recovery=Recovery.PLACED)
    await lab.put(dead(), host("h2"), waiting, replace(REPLACEMENT, state=MachineState.CREATED))
    assert (await lab.settle()).machines["m1"].recovery is Recovery.PLACED
    await lab.agents.heard("h2", {"machines": [record("m2")]})
    found = (await lab.settle()).machines["m1"]
    assert (found.recovery, found.recovery_reason) == (Recovery.SERVING, "replaced by m2 on h2")


async def test_what_was_meant_for_a_moment_is_not_done_hours_later(lab: Lab) -> None:
    asked = [operation(verb, verb, machine="m1") for verb in ("signal", "suspend", "restart", "stop", "update")]
    await lab.put(dead("h1"), original(), *asked)
    known = await lab.settle()
    assert {each.verb for each in known.operations.values() if each.open} == {"stop", "update"}
    assert {each.error for each in known.operations.values() if not each.open} == {"h1 died"}


async def test_creates_on_hosts_that_live_or_are_called_alike_go_on(lab: Lab) -> None:
    create = operation("create:m1", "create", on="h1", machine="m1")
    await lab.put(host("h1"), dead("h10"), machine(state=MachineState.CREATED), create)
    assert (await lab.settle()).operations == {"create:m1": create}


@pytest.mark.parametrize(
    ("target", "more", "given_back"),
    [
        (host("h2", cordoned="host_wedged"), {}, True),
        (host("h2", status=HostStatus.UNKNOWN), {}, True),
        # It may be slow; another host's volume is not there; nobody was asked yet for an owner's.
        (host("h2"), {}, False),
        (host("h2", cordoned="host_wedged"), {"volumes": ["v2"]}, False),
        (host("h2", cordoned="host_wedged"), {"source": None}, False),
    ],
)
async def test_a_replacement_that_its_host_does_not_make_is_given_to_another(
    lab: Lab, target: Host, more: dict[str, Any], given_back: bool
) -> None:
    args = {name: value for name, value in {"source": "m1", "volumes": [], **more}.items() if value is not None}
    create = operation("create:m2", "create", on="h2", machine="m2", args=args)
    young = replace(REPLACEMENT, state=MachineState.CREATED)
    await lab.put(dead(), target, original(recovery=Recovery.PLACED), young, create)
    lab.wait(119)
    assert (await lab.settle()).operations == {"create:m2": create}
    lab.wait(1)
    lab.watch.frozen = "by anna"
    assert (await lab.settle()).operations == {"create:m2": create}
    lab.watch.frozen = ""
    known = await lab.settle()
    assert ("create:m2" not in known.operations) == given_back
    assert (known.machines["m1"].recovery is Recovery.NONE) == given_back
    # Should it be made all the same, it goes.
    assert (known.machines["m2"].state is MachineState.DESTROYING) == given_back


async def test_ended_things_are_forgotten_after_a_while_and_open_ones_never(lab: Lab) -> None:
    ended, open_one = operation("done", stage=Stage.DONE), operation("open")
    gone = machine("m1", state=MachineState.DESTROYED)
    await lab.put(ended, open_one, gone, destroy("m1", stage=D.VERIFIED_ABSENT), machine("m2"), destroy("m2"))
    lab.wait(timedelta(hours=2).total_seconds())
    async with lab.ledger.writing() as draft:
        reconcile.forget(lab.watch.fleet(), draft, lab.clock.now())
    assert set(lab.ledger.all(Operation)) == {"open"}
    assert set(lab.ledger.all(Machine)) == set(lab.ledger.all(Destroy)) == {"m2"}


async def test_destroyed_links_to_what_still_serves_are_kept(lab: Lab) -> None:
    """An original that comes back must find the end of its chain, however long it was away."""
    gone = replace(REPLACEMENT, state=MachineState.DESTROYED, replaced_by="m3")
    third = machine("m3", on="h3", replaces="m2")
    await lab.put(dead(), original(), gone, third)
    lab.wait(timedelta(hours=2).total_seconds())
    async with lab.ledger.writing() as draft:
        reconcile.forget(lab.watch.fleet(), draft, lab.clock.now())
    assert set(lab.ledger.all(Machine)) == {"m1", "m2", "m3"}
    await lab.put(original(state=MachineState.DESTROYED))
    async with lab.ledger.writing() as draft:
        reconcile.forget(lab.watch.fleet(), draft, lab.clock.now())
    assert "m2" not in lab.ledger.all(Machine)


def agents(asked: Operation) -> dict[str, Any]:
    """Two hosts that carry a migration out."""
    match asked.verb:
        case "stop":
            return {"record": record("m1", "stopped", app="db", volumes=["v1"])}
        case "snapshot":
            told = {"volume": "v1", "app": "db", "created_at": NOON.isoformat(), "size_bytes": 5, "digest": "d"}
            return {"snapshot": told | {"id": asked.args["snapshot_id"]}}
        case "export":
            return {"sealed_config": "box", "digest": "d"}
        case "create":
            return {"record": record("m1", app="db", volumes=asked.args["volumes"])}
        case _:
            return {}


async def moved(lab: Lab, until: MigrationStage) -> Fleet:
    known = lab.watch.fleet()
    for _ in range(12):
        lab.probes(h1=Outcome.OK, h2=Outcome.OK)
        known = await lab.settle()
        if known.migrations["g1"].stage is until:
            return known
        await lab.send("h1", "h2")
    raise AssertionError(known.migrations["g1"])


PLAN = Migration("g1", "m1", "db", "h1", "h2", NOON, "disk full")
MOUNTED = machine("m1", app="db", volumes=("v1",))


async def test_a_machine_moves_with_its_volume_and_keeps_its_id() -> None:
    lab = Lab(agents)
    await lab.put(host("h1"), host("h2", "r2"), MOUNTED, volume("v1", machine="m1"), PLAN)
    known = await moved(lab, M.DONE)
    there = known.machines["m1"]
    assert (there.host, there.state, on_the_route(known)) == ("h2", MachineState.STARTED, {"m1"})
    (copy,) = there.volumes
    made = known.volumes[copy]
    assert (made.host, made.machine, made.state, made.size_mb, made.name) == ("h2", "m1", "created", 100, "data")
    # The old one is kept, mounted by nobody.
    old = known.volumes["v1"]
    assert (old.host, old.superseded_by, old.machine) == ("h1", copy, "")
    await lab.send("h1", "h2")
    assert lab.driver.calls[-1].key == "g1:free"
    assert known.machines["m1"].state is MachineState.STARTED
    await lab.ledger.close()


async def test_a_migration_that_fails_before_the_switch_leaves_the_volume_to_its_machine() -> None:
    lab = Lab(agents)
    await lab.put(host("h1"), host("h2", "r2"), MOUNTED, volume("v1", machine="m1"), PLAN)
    await moved(lab, M.COPYING)
    await lab.put(host("h2", status=HostStatus.UNREACHABLE, life=Life.DEAD))
    known = await lab.settle()
    assert known.migrations["g1"].stage is M.ROLLED_BACK
    old = lab.ledger.get(Volume, "v1")
    assert old is not None
    assert (old.superseded_by, old.machine) == ("", "m1")
    assert known.operations["g1:start"].host == "h1"
    await lab.ledger.close()
