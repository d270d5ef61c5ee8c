"""What is routable, what is free, and how a machine's recovery is told."""

from dataclasses import replace

import pytest

from remediator.model.fleet import routable, serves
from remediator.model.host import Capacity, HostStatus, Life
from remediator.model.machine import MachineState, Recovery
from remediator.model.request import Migration, MigrationStage
from tests.remediator.builders import BIG, NOON, SECOND, dead, fleet, host, machine, operation, returning, volume


def test_a_started_machine_of_a_living_host_is_routable() -> None:
    assert routable(machine(), host())
    assert routable(machine(), host(life=Life.SUSPECT))
    assert routable(machine(), host(life=Life.PROBATION, cordoned="full"))


@pytest.mark.parametrize("state", [state for state in MachineState if state is not MachineState.STARTED])
def test_in_no_other_state_is_it_routable(state: MachineState) -> None:
    assert not routable(machine(state=state), host())


@pytest.mark.parametrize("change", [{"condemned_at": NOON}, {"adopted": True}])
def test_condemned_and_adopted_machines_are_never_routable(change: dict[str, object]) -> None:
    assert not routable(replace(machine(), **change), host())  # type: ignore[arg-type]


@pytest.mark.parametrize("gone", [dead(), returning(), host(life=Life.RETIRED), None])
def test_nothing_on_a_lost_or_not_yet_admitted_host_is_routable(gone: object) -> None:
    assert not routable(machine(), gone)  # type: ignore[arg-type]


def test_a_cordoned_machine_serves_and_is_not_routable() -> None:
    hidden = machine(cordoned=True)
    assert serves(hidden, host())
    assert not routable(hidden, host())


def test_a_guest_that_says_nothing_asks_for_little() -> None:
    assert machine(config={"guest": {"cpus": None, "memory_mb": None}}).asks == Capacity(1, 256, 0)


def test_a_status_alone_never_takes_a_machine_off_the_route() -> None:
    assert routable(machine(), host(status=HostStatus.UNKNOWN))


def test_free_is_capacity_less_machines_volumes_and_moves_on_their_way() -> None:
    here = host()
    moving = Migration("g1", "m9", "web", "h10", "h1", NOON, "full", stage=MigrationStage.COPYING)
    known = fleet(here, machine("m1"), machine("m9", on="h10"), volume(size_mb=100), moving)
    assert known.free_on(here) == BIG - Capacity(2, 512, 100)


def test_free_counts_the_destroying_and_not_the_destroyed() -> None:
    here = host()
    going = machine("m1", state=MachineState.DESTROYING)
    gone = machine("m2", state=MachineState.DESTROYED)
    assert fleet(here, going, gone).free_on(here) == BIG - Capacity(1, 256, 0)


def test_free_is_not_taken_by_a_host_whose_name_begins_alike() -> None:
    here = host("h1")
    known = fleet(here, host("h10"), machine("m1", on="h10"), volume(on="h10"))
    assert known.free_on(here) == BIG
    assert known.machines_on("h1") == []
    assert [found.id for found in known.volumes_on("h10")] == ["v1"]


def test_what_this_look_has_given_away_is_not_free() -> None:
    here = host()
    known = replace(fleet(here, machine("m1")), reserved={"h1": Capacity(2, 1024, 10), "h10": BIG})
    assert known.free_on(here) == BIG - Capacity(3, 1280, 10)


def test_successors_are_followed_to_the_end_of_the_chain_and_never_in_a_circle() -> None:
    first, second, third = machine("m1", replaced_by="m2"), machine("m2", replaced_by="m3"), machine("m3")
    known = fleet(first, replace(second, state=MachineState.DESTROYED), third)
    assert [each.id for each in known.successors(first)] == ["m2", "m3"]
    assert known.successors(third) == []
    circle = fleet(first, second, replace(third, replaced_by="m2"))
    assert [each.id for each in circle.successors(first)] == ["m2", "m3"]


def test_served_elsewhere_is_by_a_living_successor_that_is_routable_now() -> None:
    first, second, third = machine("m1", replaced_by="m2"), machine("m2", "h2", replaced_by="m3"), machine("m3", "h3")
    known = fleet(dead("h2"), host("h3"), first, second, third)
    assert known.served_elsewhere(first)
    assert fleet(dead("h2"), host("h3"), first, second, replace(third, cordoned=True)).served_elsewhere(first)
    assert not known.served_elsewhere(third)
    for change in ({"state": MachineState.STOPPED}, {"state": MachineState.DESTROYING}, {"condemned_at": NOON}):
        lost = replace(third, **change)
        assert not fleet(dead("h2"), host("h3"), first, second, lost).served_elsewhere(first)
    assert not fleet(dead("h2"), dead("h3"), first, second, third).served_elsewhere(first)


def test_an_ended_migration_takes_nothing() -> None:
    here = host()
    done = Migration("g1", "m9", "web", "h2", "h1", NOON, "full", stage=MigrationStage.ROLLED_BACK)
    assert fleet(here, machine("m9", on="h2"), done).free_on(here) == BIG


def test_an_open_operation_is_found_by_its_key() -> None:
    known = fleet(operation("k1"), operation("k10"))
    assert known.open_operation("k1") == operation("k1")
    assert known.open_operation("k") is None


def test_recovery_is_told_once() -> None:
    placed = machine().recovering(Recovery.PLACED, "on h2", NOON, "m2")
    assert (placed.recovery, placed.replaced_by, placed.events[0].text) == (Recovery.PLACED, "m2", "on h2")
    assert placed.recovering(Recovery.PLACED, "on h2", NOON + SECOND) is placed
    serving = placed.recovering(Recovery.SERVING, "runs", NOON + SECOND)
    assert (serving.replaced_by, len(serving.events)) == ("m2", 2)


def test_a_machine_asks_for_its_guest_or_for_the_default() -> None:
    assert machine(config={"guest": {"cpus": 2, "memory_mb": 512}}).asks == Capacity(2, 512, 0)
    assert machine(config={}).asks == Capacity(1, 256, 0)


def test_a_volume_is_free_when_nothing_holds_it() -> None:
    assert volume().free
    assert not volume(machine="m1").free
    assert not volume(superseded_by="v2").free
    assert not volume(state="restoring").free
