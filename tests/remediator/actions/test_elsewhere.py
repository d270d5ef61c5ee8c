"""An app's word that it may run in another region: it is asked for, tried in order, and never assumed."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.actions.effects import Recreate
from remediator.actions.elsewhere import regions_of
from remediator.actions.spec import Planned
from remediator.engine.machines.placement import placed
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity
from remediator.model.machine import Machine, Recovery
from tests.remediator.builders import case, dead, fleet, host, machine

FULL = host("h2", "r2", capacity=Capacity())
FAR, FARTHER = host("f1", "r1", region="fra"), host("i1", "r1", region="iad")


def agreed(word: str, identifier: str = "m1") -> Machine:
    return machine(identifier, config={"guest": {"cpus": 1, "memory_mb": 256}, "metadata": {"other_regions": word}})


def known(*machines: Machine) -> Fleet:
    return fleet(dead(), FULL, FAR, FARTHER, *machines)


@pytest.mark.parametrize(
    ("word", "regions"),
    [
        ("", ()),
        ("iad, fra", ("iad", "fra")),
        ("any", ("fra", "iad")),
        ("arn,fra,fra", ("fra",)),
        (" , ", ()),
        ("mars", ("mars",)),
    ],
)
def test_the_word_names_regions_in_order_and_never_its_own(word: str, regions: tuple[str, ...]) -> None:
    assert regions_of(agreed(word), known()) == regions


def wishes(*machines: Machine, **params: Any) -> tuple[Recreate, ...]:
    found = ACTIONS["recreate"].plan(case(known(*machines)), ACTIONS["recreate"].params.model_validate(params))
    assert isinstance(found, Planned)
    return tuple(effect for effect in found.effects if isinstance(effect, Recreate))


def test_only_where_the_playbook_says_so_is_the_word_looked_at() -> None:
    assert [wish.elsewhere for wish in wishes(agreed("fra"))] == [()]
    found = wishes(agreed("fra"), machine("m2"), elsewhere="agreed")
    assert {wish.machine: wish.elsewhere for wish in found} == {"m1": ("fra",), "m2": ()}


def test_its_own_region_is_tried_first_then_the_others_in_order() -> None:
    wish = Recreate("m1", "I-m1", 1, elsewhere=("iad", "fra"))
    (there,), without = placed((wish,), known(agreed("iad, fra")))
    assert isinstance(there, Recreate)
    assert (there.target, without) == ("i1", ())
    room = replace(FULL, capacity=Capacity(8, 8192, 1000))
    (home,), _ = placed((wish,), fleet(dead(), room, FAR, FARTHER, agreed("iad, fra")))
    assert isinstance(home, Recreate)
    assert home.target == "h2"


def test_without_the_word_it_has_no_room() -> None:
    assert placed((Recreate("m1", "I-m1", 1),), known(machine())) == ((), (Recreate("m1", "I-m1", 1),))


def test_work_in_flight_is_paced_by_the_hosts_of_all_regions_that_may_take_it() -> None:
    many = [agreed("fra, iad", f"m{number}") for number in range(1, 10)]
    assert len(wishes(*many, elsewhere="agreed", per_target=1)) == 3
    assert len(wishes(*many, per_target=1)) == 1
    gone = [replace(each, recovery=Recovery.SERVING) for each in many]
    assert wishes(*gone, elsewhere="agreed") == ()
