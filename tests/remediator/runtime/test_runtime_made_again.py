"""Replacements whose host is lost before they are known to run: made again elsewhere, and killed by no haste."""

from dataclasses import replace

import pytest

from remediator.actions.effects import Recreate
from remediator.model.evidence import Outcome
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.runtime.effects import outcomes
from remediator.runtime.effects.written import write
from tests.remediator.builders import dead, host, machine, operation
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
    assert set(known.destroys) == (set() if made else {"m2"})


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
