"""A machine that runs and was not ours becomes ours by a person's word, and never beside one that stands."""

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.engine.people.spoken import Ground
from remediator.engine.people.taking_over import taken_over
from remediator.model.fleet import Fleet
from remediator.model.machine import Machine, MachineState, Recovery, Volume
from remediator.model.said import Said, TakeOver
from tests.remediator.builders import NOON, dead, fleet, host, machine, volume

STRAY = machine("m7", "h2", name="web-1", adopted=True)


def rows(on: Fleet, name: str = "m7") -> dict[str, Machine | Volume]:
    word = TakeOver(name)
    said = Said(word, "ada (operator token)", "started by hand")
    return {row.id: row for row in taken_over(word, said, Ground(on, {}, NOON)).puts}


def test_what_nobody_stands_in_the_way_of_is_ours() -> None:
    changed = rows(fleet(host("h2"), STRAY))

    ours = changed["m7"]
    assert isinstance(ours, Machine)
    assert not ours.adopted
    assert ours.events[0].text == "taken over by ada (operator token): started by hand"


def test_it_takes_the_place_of_the_lost_one_of_its_name() -> None:
    lost = machine("m3", "h1", name="web-1")

    changed = rows(fleet(dead("h1"), host("h2"), STRAY, lost))

    ours, original = changed["m7"], changed["m3"]
    assert isinstance(ours, Machine)
    assert isinstance(original, Machine)
    assert ours.replaces == "m3"
    assert (original.recovery, original.replaced_by) == (Recovery.SERVING, "m7")


@pytest.mark.parametrize("state", [MachineState.STARTED, MachineState.STOPPED])
def test_one_of_its_name_on_a_living_host_keeps_its_place(state: MachineState) -> None:
    standing = machine("m3", "h1", name="web-1", state=state)

    with pytest.raises(Refused, match=r"m7 stays held: m3 on h1 has the same app and name, and stands"):
        rows(fleet(host("h1"), host("h2"), STRAY, standing))


def test_two_lost_ones_of_its_name_leave_it_held() -> None:
    lost = (machine("m3", "h1", name="web-1"), machine("m4", "h1", name="web-1"))

    with pytest.raises(Refused, match="2 lost machines have the same app and name"):
        rows(fleet(dead("h1"), host("h2"), STRAY, *lost))


def test_what_is_condemned_is_not_taken_over() -> None:
    condemned = machine("m7", "h2", adopted=True, condemned_at=NOON, condemned_why="its owner")

    with pytest.raises(Refused, match="m7 is condemned: its owner"):
        rows(fleet(host("h2"), condemned))


def test_what_is_ours_already_changes_nothing() -> None:
    assert not rows(fleet(host("h2"), machine("m7", "h2")))


def test_a_name_that_nobody_has_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(Refused, match=r"no adopted machine is called 'm77' \(did you mean 'm7'\?\)"):
        rows(fleet(host("h2"), STRAY), "m77")


def test_its_volumes_supersede_those_of_the_lost_one() -> None:
    lost = machine("m3", "h1", name="web-1", volumes=("vol_a",))
    stray = machine("m7", "h2", name="web-1", adopted=True, volumes=("vol_b",))
    disks = (volume("vol_a", "h1"), volume("vol_b", "h2"))

    old = rows(fleet(dead("h1"), host("h2"), stray, lost, *disks))["vol_a"]

    assert isinstance(old, Volume)
    assert old.superseded_by == "vol_b"
