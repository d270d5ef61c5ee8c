"""Two hosts go by each other's names, and a person answered: what runs under the other name is moved, never lost."""

import pytest

from remediator.model.fleet import routable
from remediator.model.machine import Machine, MachineState, Recovery, Volume
from tests.remediator.builders import host, machine, volume
from tests.remediator.runtime.lab import Lab, hello, record

MOUNTED = record("m1", volumes=["v1"])


async def swapped(lab: Lab, *order: str) -> None:
    """h1 has what was h2's, and h2 what was h1's; they greet in that order."""
    mine = machine("m1", volumes=("v1",))
    await lab.put(host("h1"), host("h2"), mine, machine("m2", on="h2"), volume("v1", machine="m1"))
    told = {"h1": [record("m2")], "h2": [MOUNTED]}
    for name in order:
        await lab.agents.greeted(name, hello(name, *told[name]))


@pytest.mark.parametrize("order", [("h1", "h2"), ("h2", "h1")])
async def test_each_machine_is_where_it_runs_whoever_greets_first(lab: Lab, order: tuple[str, str]) -> None:
    await swapped(lab, *order)
    known = lab.watch.fleet()
    assert {each.id: each.host for each in known.machines.values()} == {"m1": "h2", "m2": "h1"}
    assert all(routable(each, known.hosts[each.host]) for each in known.machines.values())
    moved = lab.ledger.all(Volume)["v1"]
    assert (moved.host, moved.machine) == ("h2", "m1")


async def test_as_long_as_its_own_host_does_not_say_that_it_is_gone_it_stays(lab: Lab) -> None:
    await swapped(lab, "h1")
    assert lab.ledger.all(Machine)["m2"].host == "h2"
    await lab.agents.greeted("h2", hello("h2", record("m2")))
    assert lab.ledger.all(Machine)["m2"].host == "h2"


@pytest.mark.parametrize("state", ["stopped", "created"])
async def test_a_copy_that_does_not_run_is_no_reason(lab: Lab, state: str) -> None:
    await lab.put(host("h1"), host("h2"), machine("m1"))
    await lab.agents.greeted("h2", hello("h2", record("m1", state)))
    await lab.agents.greeted("h1", hello("h1"))
    left = lab.ledger.all(Machine)["m1"]
    assert (left.host, left.state) == ("h1", MachineState.FAILED)


async def test_what_was_replaced_since_or_is_told_no_more_is_not_moved(lab: Lab) -> None:
    served = machine("m1", recovery=Recovery.SERVING, replaced_by="m9")
    await lab.put(host("h1"), host("h2"), served, machine("m2"), machine("m9", on="h2", replaces="m1"))
    await lab.agents.greeted("h2", hello("h2", record("m1"), record("m2"), record("m9")))
    await lab.agents.greeted("h2", hello("h2", record("m1"), record("m9")))
    await lab.agents.greeted("h1", hello("h1"))
    rows = lab.ledger.all(Machine)
    assert {rows["m1"].host, rows["m2"].host} == {"h1"}
