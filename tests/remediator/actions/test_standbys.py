"""Standbys in the plan for a dead host: started instead of a replacement, each for one, never missed themselves."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.actions.effects import Condemn, NoteRecovery, Recreate, StandIn
from remediator.actions.spec import Planned
from remediator.engine.machines.single import single_apps
from remediator.model.fleet import routable
from remediator.model.host import HostStatus, Life
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.request import Stage
from tests.remediator.builders import case, dead, fleet, host, machine, operation, proved, returning

HOMES = (dead(), host("h2", "r2"), host("h3", "r3"))
S = MachineState


def standby(name: str = "s1", of: tuple[str, ...] = ("m1",), on: str = "h2", **more: Any) -> Machine:
    return machine(name, on, **{"state": S.STOPPED, "config": {"standbys": list(of)}} | more)


def planned(action: str, *things: Any) -> Planned:
    found = ACTIONS[action].plan(case(fleet(*things)), ACTIONS[action].params())
    assert isinstance(found, Planned)
    return found


def test_it_is_started_instead_of_a_replacement_though_nothing_is_recoverable() -> None:
    lost = machine("m1", sealed=None)
    assert planned("recreate", *HOMES, lost, standby()).effects == (StandIn("m1", "s1", 1),)


def test_one_standby_stands_in_for_one_and_the_next_is_recreated() -> None:
    both = machine("m1"), machine("m2")
    found = planned("recreate", *HOMES, *both, standby(of=("m1", "m2")))
    assert found.effects == (StandIn("m1", "s1", 1), Recreate("m2", "I-m2", 1))
    second = standby("s2", of=("m2", "m1"), on="h3", state=S.CREATED)
    found = planned("recreate", *HOMES, *both, standby(of=("m1", "m2")), second)
    assert found.effects == (StandIn("m1", "s1", 1), StandIn("m2", "s2", 1))


@pytest.mark.parametrize(
    ("other", "where"),
    [
        (standby(state=S.STARTED), host("h2", "r2")),
        (standby(state=S.DESTROYING), host("h2", "r2")),
        (standby(standing_for="m9"), host("h2", "r2")),
        (standby(stepping_down=True), host("h2", "r2")),
        (standby(quarantined="poison"), host("h2", "r2")),
        (standby(adopted=True), host("h2", "r2")),
        (standby(app="other"), host("h2", "r2")),
        (standby(of=("m2",)), host("h2", "r2")),
        (standby(), dead("h2", "r2")),
        (standby(), returning("h2", "r2")),
        (standby(), host("h2", "r2", life=Life.SUSPECT, status=HostStatus.UNKNOWN)),
    ],
)
def test_who_is_not_ready_is_passed_over(other: Machine, where: Any) -> None:
    found = planned("recreate", dead(), where, host("h3", "r3"), machine("m1"), other)
    assert found.effects == (Recreate("m1", "I-m1", 1),)


def test_who_could_not_be_started_in_this_life_of_the_host_is_not_asked_again() -> None:
    tried = operation(StandIn("m1", "s1", 1).key, on="h2", machine="s1", stage=Stage.FAILED)
    assert planned("recreate", *HOMES, machine("m1"), standby(), tried).effects == (Recreate("m1", "I-m1", 1),)
    before = replace(tried, key=StandIn("m1", "s1", 0).key)
    assert planned("recreate", *HOMES, machine("m1"), standby(), before).effects == (StandIn("m1", "s1", 1),)


def test_one_that_still_stands_in_when_the_host_is_lost_again_is_enough() -> None:
    found = planned("recreate", *HOMES, machine("m1"), standby(state=S.STARTED, standing_for="m1"))
    assert found.effects == (NoteRecovery("m1", Recovery.PLACED, "its standby s1 stands in for it"),)


def test_nobody_misses_a_standby_that_waits_or_steps_down() -> None:
    lost = (
        standby("s1", of=("m9",), on="h1", state=S.CREATED),
        standby("s2", on="h1", stepping_down=True, state=S.STARTED),
    )
    assert planned("recreate", *HOMES, *lost) == Planned()
    ran = standby("s1", of=("m9",), on="h1", state=S.STARTED)
    assert planned("recreate", *HOMES, ran).effects == (Recreate("s1", "I-s1", 1),)


def test_whom_a_standby_stands_in_for_is_never_condemned() -> None:
    off = proved(dead()), *HOMES[1:]
    stood_in = machine("m1", recovery=Recovery.SERVING)
    assert planned("condemn", *off, stood_in, standby(state=S.STARTED, standing_for="m1")) == Planned()
    gone = machine("m1", recovery=Recovery.SERVING, replaced_by="m2")
    found = planned("condemn", *off, gone, machine("m2", "h2", replaces="m1"))
    assert found.effects == (Condemn("m1", "replaced; power-off proved by bmc"),)


def test_one_that_steps_down_has_no_traffic() -> None:
    assert routable(standby(state=S.STARTED, standing_for="m1"), host("h2"))
    assert not routable(standby(state=S.STARTED, stepping_down=True), host("h2"))


@pytest.mark.parametrize(
    ("waits", "note"),
    [
        ((standby(on="h3"),), "its standbys stand in"),
        ((standby(on="h3", state=S.CREATED),), "its standbys stand in"),
        ((standby(on="h1"),), "recreated elsewhere"),
        ((standby(on="h3", of=("m9",)),), "recreated elsewhere"),
    ],
)
def test_an_app_on_one_machine_is_told_of_with_its_standby(waits: tuple[Machine, ...], note: str) -> None:
    (found,) = single_apps(fleet(*HOMES, machine("m1"), *waits))
    assert (found.machines, found.note) == (1, note)
