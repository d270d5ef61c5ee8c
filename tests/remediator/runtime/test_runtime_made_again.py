"""Replacements whose host is lost before they are known to run: made again elsewhere, and killed by no haste."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.actions.effects import Recreate, RestoreVolume
from remediator.actions.restore_volumes import RestoreVolumesParams, plan
from remediator.engine.waits import waits
from remediator.model.errors import TransientError
from remediator.model.evidence import Outcome
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.machine import Machine, MachineState, Recovery, Snapshot
from remediator.runtime.effects import outcomes
from remediator.runtime.effects.written import write
from tests.remediator.builders import (
    CLOSED,
    OPEN,
    case,
    dead,
    fleet,
    host,
    machine,
    operation,
    proved,
    sealed,
    volume,
)
from tests.remediator.runtime.lab import Lab, hello, record

LOST = machine("m2", on="h2", replaces="m1", state=MachineState.CREATED, recovery=Recovery.PLACED)


def original(recovery: Recovery) -> Machine:
    return machine("m1", recovery=recovery, replaced_by="m2")


async def test_creates_whose_target_died_are_given_back(lab: Lab) -> None:
    create = operation("create:m2", "create", on="h2", machine="m2", args={"source": "m1", "epoch": 1})
    coming = replace(LOST, recovery=Recovery.NONE)
    await lab.put(dead("h1"), dead("h2"), original(Recovery.PLACED), coming, create)
    known = await lab.settle()
    assert known.operations == {}
    again, lost = known.machines["m1"], known.machines["m2"]
    assert (again.recovery, again.replaced_by) == (Recovery.NONE, "m2")
    # It may have arrived there, and h2 may soon be back: only patience or proof condemns it, as any other.
    assert known.destroys == {}
    assert (lost.state, lost.recovery) == (MachineState.CREATED, Recovery.PLACED)


async def test_what_is_made_again_elsewhere_follows_what_may_have_been_made(lab: Lab) -> None:
    await lab.put(dead("h1"), dead("h2"), host("h3"), original(Recovery.NONE), LOST)
    async with lab.ledger.writing() as draft:
        write(Recreate("m1", "i1", 1, target="h3"), draft, "d1", lab.clock.now())
    (new,) = (each for each in lab.ledger.all(Machine).values() if each.host == "h3")
    links = {each.id: each.replaced_by for each in lab.ledger.all(Machine).values()}
    assert links == {"m1": "m2", "m2": new.id, new.id: ""}
    await lab.agents.heard("h3", {"machines": [record(new.id)]})
    known = (await lab.settle()).machines
    assert {known["m1"].recovery, known["m2"].recovery} == {Recovery.SERVING}


@pytest.mark.parametrize("made", [True, False])
async def test_a_replacement_that_is_back_before_another_was_made_stands_for_its_original(
    lab: Lab, *, made: bool
) -> None:
    await lab.put(dead("h1"), dead("h2"), original(Recovery.NONE), LOST)
    await lab.agents.greeted("h2", hello("h2", *([record("m2")] if made else [])))
    lab.probes(h2=Outcome.OK)
    await lab.settle()
    known = await lab.settle()
    assert known.machines["m1"].recovery is (Recovery.SERVING if made else Recovery.NONE)
    assert known.machines["m1"].replaced_by == ("m2" if made else "")
    # Its host says that it never had it: there is nothing to destroy.
    assert known.destroys == {}
    assert known.machines["m2"].alive is made


async def test_the_first_still_stands_for_its_original_where_the_second_cannot_be_made(lab: Lab) -> None:
    second = machine("m3", on="h3", replaces="m1", state=MachineState.CREATED)
    create = operation("create:m3", "create", on="h3", machine="m3", args={"source": "m1", "epoch": 1})
    await lab.put(dead("h1"), dead("h2"), host("h3"), original(Recovery.PLACED), replace(LOST, replaced_by="m3"))
    await lab.put(second, create)
    async with lab.ledger.writing() as draft:
        outcomes.failed(create, "its image is gone", draft, lab.clock.now())
    held = lab.ledger.all(Machine)["m1"]
    assert (held.recovery, held.replaced_by) == (Recovery.HELD, "m2")
    await lab.agents.greeted("h2", hello("h2", record("m2")))
    lab.probes(h2=Outcome.OK, h3=Outcome.OK)
    await lab.settle()
    assert (await lab.settle()).machines["m1"].recovery is Recovery.SERVING


async def test_what_failed_at_its_birth_is_condemned_once_the_gate_is_open(lab: Lab) -> None:
    """Its process ended before we heard of it, while its host was lost: it is there, and stands for nobody."""
    lab.watch.gate = CLOSED
    await lab.put(dead("h1"), dead("h2"), original(Recovery.NONE), LOST)
    await lab.agents.greeted("h2", hello("h2", record("m2", "failed")))
    lab.probes(h2=Outcome.OK)
    known = await lab.settle()
    assert (known.destroys, known.hosts["h2"].life) == ({}, Life.RETURNING)
    lab.watch.gate = OPEN
    known = await lab.settle()
    assert (set(known.destroys), known.machines["m1"].replaced_by) == ({"m2"}, "")


DB: dict[str, Any] = {"app": "db", "volumes": ("v1",), "replaced_by": "m2"}
COPY = machine("m2", on="h2", app="db", volumes=("v2",), replaces="m1", state=MachineState.CREATED)
UNHEARD = replace(COPY, recovery=Recovery.WAITING)


async def copy_lost(lab: Lab, target: Host) -> Fleet:
    """The copy of m1's volume was being created on h2, which died before it answered."""
    create = operation("create:m2", "create", on="h2", machine="m2", args={"source": "m1", "volumes": ["v2"]})
    await lab.put(proved(dead("h1")), target, machine("m1", recovery=Recovery.PLACED, **DB), COPY, create)
    await lab.put(volume("v1", machine="m1", superseded_by="v2"), volume("v2", on="h2", machine="m2"))
    return await lab.settle()


async def test_a_copy_of_a_volume_whose_host_was_lost_is_neither_killed_nor_forgotten(lab: Lab) -> None:
    known = await copy_lost(lab, dead("h2"))
    assert (known.operations, known.destroys) == ({}, {})
    assert (known.machines["m1"].recovery, known.machines["m1"].replaced_by) == (Recovery.WAITING, "m2")
    assert "m2 may run on lost host h2" in known.machines["m1"].recovery_reason
    await lab.agents.greeted("h2", hello("h2", record("m2", app="db", volumes=["v2"])))
    lab.probes(h2=Outcome.OK)
    await lab.settle()
    assert (await lab.settle()).machines["m1"].recovery is Recovery.SERVING


async def test_an_original_is_kept_from_starting_while_its_unheard_copy_may_run(lab: Lab) -> None:
    await copy_lost(lab, dead("h2"))
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1", "stopped", app="db", volumes=["v1"])))
    assert (welcome.condemned, welcome.automatic, bool(welcome.frozen)) == (("m1",), ("m1",), True)
    known = await lab.settle()
    assert (known.destroys, known.hosts["h1"].life) == ({}, Life.RETURNING)
    assert [each.text for each in waits(known, lab.clock.now())] == [
        "h1 is back: m1 must not start while its copy m2 may run on lost host h2"
    ]
    # Its host is proved to be off: the copy cannot run, and the original may.
    await lab.put(proved(lab.ledger.all(Host)["h2"]))
    with pytest.raises(TransientError, match="greet anew"):
        await lab.agents.heard("h1", {"state": "well"})
    await lab.agents.greeted("h1", hello("h1", record("m1", app="db", volumes=["v1"])))
    lab.probes(h1=Outcome.OK)
    known = await lab.settle()
    assert (set(known.destroys), known.hosts["h1"].life) == ({"m2"}, Life.PROBATION)
    assert known.destroys["m2"].reason.startswith("withdrawn")


@pytest.mark.parametrize("off", [True, False])
async def test_another_copy_is_restored_only_where_the_first_is_proved_not_to_run(lab: Lab, *, off: bool) -> None:
    one = machine("m1", recovery=Recovery.WAITING, sealed=sealed("m1", "i1"), **DB)
    second = proved(dead("h2")) if off else dead("h2")
    taken = Snapshot("s1", "v1", "db", lab.clock.now(), 1, "d")
    lost, made = volume("v1", machine="m1", superseded_by="v2"), volume("v2", on="h2", machine="m2")
    found = plan(case(fleet(proved(dead("h1")), second, one, UNHEARD, lost, made, taken)), RestoreVolumesParams())
    assert [type(effect) for effect in found.effects] == ([RestoreVolume] if off else [])
