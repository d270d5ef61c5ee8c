"""What is given back when its ground is lost: returns along a chain, restores, and moves whose source died."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.model.evidence import Outcome
from remediator.model.fleet import routable
from remediator.model.host import Host, Life
from remediator.model.machine import Machine, MachineState, Recovery, Volume
from remediator.model.request import Migration, MigrationStage, Operation, Stage
from tests.remediator.builders import NOON, SECOND, dead, host, machine, operation, proved, returning, volume
from tests.remediator.runtime.lab import Lab, hello, record

SERVING = {"recovery": Recovery.SERVING}
RESTORE = operation(
    "restore:v2", "create_volume", on="h2", args={"volume_id": "v2", "supersedes": "v1", "snapshot_id": "vs_1"}
)
MOUNTED = machine("m1", app="db", volumes=("v1",))
PLAN = Migration("g1", "m1", "web", "h1", "h2", NOON, "disk full")


async def dies(lab: Lab, name: str, **others: Outcome) -> None:
    for _ in range(5):
        lab.wait(1)
        lab.probes(**{name: Outcome.SILENT}, **others)
        await lab.settle()


@pytest.mark.parametrize("second", [MachineState.STARTED, MachineState.DESTROYED])
async def test_a_return_withdraws_the_whole_chain_and_the_next_loss_is_remedied_anew(
    lab: Lab, second: MachineState
) -> None:
    chain = (
        machine("m1", replaced_by="m2", **SERVING),
        machine("m2", on="h2", replaces="m1", replaced_by="m3", state=second, **SERVING),
        machine("m3", on="h3", replaces="m2"),
    )
    await lab.put(dead(), dead("h2"), host("h3"), *chain)
    await lab.agents.greeted("h1", hello("h1", record("m1")))
    lab.probes(h1=Outcome.OK, h3=Outcome.OK)
    known = await lab.settle()
    assert [each.id for each in known.machines.values() if routable(each, known.hosts[each.host])] == ["m1"]
    assert not any(known.machines[each].alive for each in ("m2", "m3"))
    first = known.machines["m1"]
    assert (first.replaced_by, first.recovery) == ("", Recovery.NONE)


async def test_an_original_whose_replacement_is_gone_is_recovered_by_nobody_any_more(lab: Lab) -> None:
    gone = machine("m2", on="h2", replaces="m1", state=MachineState.DESTROYED)
    await lab.put(dead(), host("h2"), machine("m1", replaced_by="m2", **SERVING), gone)
    await lab.agents.greeted("h1", hello("h1", record("m1")))
    lab.probes(h1=Outcome.OK)
    first = (await lab.settle()).machines["m1"]
    assert (first.replaced_by, first.recovery) == ("", Recovery.NONE)


async def test_no_original_is_condemned_in_the_very_look_in_which_its_replacement_s_host_dies(lab: Lab) -> None:
    lab.watch.on_return = {"": "keep_replacement"}
    new = machine("m2", on="h2", replaces="m1")
    await lab.put(host("h2"))
    await dies(lab, "h2")
    await lab.put(host("h2"), returning(), machine("m1", replaced_by="m2", **SERVING), new)
    lab.probes(h1=Outcome.OK, h2=Outcome.SILENT)
    known = await lab.settle()
    assert known.hosts["h2"].life is Life.DEAD
    assert known.machines["m1"].alive
    assert known.destroys == {}


async def test_who_comes_back_serves_with_its_own_volume(lab: Lab) -> None:
    """The copy was restored, but nothing was started with it yet."""
    old = volume("v1", machine="m1", superseded_by="v2")
    going = machine("m9", volumes=("v9",), state=MachineState.DESTROYED)
    await lab.put(proved(dead()), host("h2"), MOUNTED, old, volume("v2", on="h2"), going)
    await lab.put(volume("v9", superseded_by="v8"))
    await lab.agents.greeted("h1", hello("h1", record("m1", app="db", volumes=["v1"])))
    lab.probes(h1=Outcome.OK, h2=Outcome.OK)
    known = await lab.settle()
    assert known.hosts["h1"].life is Life.PROBATION
    assert (known.volumes["v1"].superseded_by, known.volumes["v9"].superseded_by) == ("", "v8")


@pytest.mark.parametrize(
    ("source", "superseded"),
    [(proved(dead()), "v2"), (returning(), "v2"), (host(life=Life.PROBATION), ""), (host(), "")],
)
async def test_a_copy_that_is_ready_after_the_original_is_back_takes_nobodys_place(
    lab: Lab, source: Host, superseded: str
) -> None:
    """Else the next loss would bring back the state of the one before."""
    await lab.put(source, host("h2"), MOUNTED, volume("v1", machine="m1"), RESTORE)
    await lab.put(volume("v2", on="h2", state="restoring"))
    await lab.send("h2")
    found = lab.ledger.all(Volume)
    assert (found["v1"].superseded_by, found["v2"].state) == (superseded, "created")


async def test_a_restore_whose_target_died_is_given_back(lab: Lab) -> None:
    own = operation("other", "create_volume", on="h2", args={"volume_id": "v7"})
    await lab.put(proved(dead()), dead("h2"), MOUNTED, volume("v1"), RESTORE, own)
    await lab.put(volume("v2", on="h2", state="restoring"), volume("v7", on="h2", state="restoring"))
    known = await lab.settle()
    # A volume that its owner asked for waits for the host that it was asked for.
    assert set(known.operations) == {"other"}
    assert set(known.volumes) == {"v1", "v7"}
    assert known.volumes["v1"].superseded_by == ""


def at(stage: MigrationStage) -> Migration:
    return replace(PLAN, stage=stage, moved_at=NOON)


def of_move(name: str, verb: str, on: str, **more: Any) -> Operation:
    return operation(f"g1:{name}", verb, on, machine="m1", args={"migration": "g1", "machine_id": "m1"}, **more)


async def test_a_move_whose_source_dies_is_rolled_back_in_the_same_look(lab: Lab) -> None:
    """Its create must not arrive any more: the machine is about to be recreated elsewhere."""
    create = of_move("create", "create", "h2")
    moving = replace(at(MigrationStage.STARTING), moved_at=NOON + 3 * SECOND)
    await lab.put(host("h1"), host("h2", "r2"), machine(state=MachineState.STOPPED), moving, create)
    await lab.put(of_move("export", "export", "h1", stage=Stage.DONE))
    for _ in range(5):
        lab.wait(1)
        lab.probes(h1=Outcome.SILENT, h2=Outcome.OK)
        known = await lab.settle()
        lost = known.hosts["h1"].life is Life.DEAD
        assert (known.migrations["g1"].stage is MigrationStage.ROLLED_BACK) is lost
        assert ("g1:create" in known.operations) is not lost
    assert known.migrations["g1"].note == "source h1 was lost"
    # What we had stopped there is started again, should its host come back first.
    assert {each.key for each in known.operations.values() if each.open} == {"g1:undo", "g1:start"}
    assert (known.operations["g1:undo"].verb, known.operations["g1:undo"].host) == ("destroy", "h2")
    await lab.send("h1", "h2")
    # What is gone from the target is not the machine, which is still its source's.
    assert known.machines["m1"].host == "h1"
    assert lab.ledger.all(Machine)["m1"].state is MachineState.STOPPED


async def test_nothing_of_an_ended_move_is_sent_but_what_puts_things_right(lab: Lab) -> None:
    failed = of_move("volume:v1", "create_volume", "h2", stage=Stage.FAILED, error="no space")
    still_open = of_move("export", "export", "h1")
    other = operation("g10:export", "export", "h1", args={"migration": "g10"})
    await lab.put(host("h1"), host("h2", "r2"), machine(state=MachineState.STOPPED), at(MigrationStage.COPYING))
    await lab.put(failed, still_open, other)
    lab.probes(h1=Outcome.OK, h2=Outcome.OK)
    known = await lab.settle()
    assert known.migrations["g1"].stage is MigrationStage.ROLLED_BACK
    assert set(known.operations) == {"g1:volume:v1", "g1:start", "g10:export"}
    assert known.operations["g1:start"].open
