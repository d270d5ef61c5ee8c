"""Keys are never used twice: agents remember them for long, and would do nothing for an old one."""

from datetime import datetime

import pytest

from remediator.actions.effects import Effect, GiveUpDemands, Migrate, Provision, Recreate, RestoreVolume
from remediator.model.host import Capacity
from remediator.model.machine import Machine
from remediator.model.request import Burst, BurstStage, Migration, Operation
from remediator.runtime.effects import written as effects
from tests.remediator.builders import NOON, SECOND, dead, host, machine, volume
from tests.remediator.runtime.lab import Lab

RECREATE = Recreate("m1", "I-m1", 7, (), "h2")
RESTORE = RestoreVolume("m1", "v1", "vs_1", 100, "h2")
MOVE = Migrate("m1", "h1", "full", 0, "h2")
BURST = Provision("arn", 2, Capacity(4, 4096, 1024), ("web/w",), 3)


async def written(lab: Lab, effect: Effect, at: datetime = NOON) -> set[str]:
    """The operations and migrations that it added."""
    before = {*lab.ledger.all(Operation), *lab.ledger.all(Migration)}
    async with lab.ledger.writing() as draft:
        effects.write(effect, draft, "d1", at)
    return {*lab.ledger.all(Operation), *lab.ledger.all(Migration)} - before


@pytest.mark.parametrize("effect", [RECREATE, RESTORE, MOVE, BURST])
async def test_the_same_wish_at_another_moment_has_another_key(lab: Lab, effect: Effect) -> None:
    await lab.put(dead(), host("h2"), machine("m1"), volume("v1"))
    (first,) = await written(lab, effect)
    (second,) = await written(lab, effect, NOON + SECOND)
    assert first != second


async def test_a_create_has_the_new_machine_s_key_and_says_for_which_loss_it_is(lab: Lab) -> None:
    await lab.put(dead(), host("h2"), machine("m1"))
    (key,) = await written(lab, RECREATE)
    create = lab.ledger.all(Operation)[key]
    (new,) = (each for each in lab.ledger.all(Machine).values() if each.replaces == "m1")
    assert (key, create.machine) == (f"create:{new.id}", new.id)
    assert (create.args["source"], create.args["epoch"]) == ("m1", 7)


async def test_a_restore_has_the_new_volume_s_key_and_says_what_it_takes_the_place_of(lab: Lab) -> None:
    await lab.put(dead(), host("h2"), machine("m1"), volume("v1"))
    (key,) = await written(lab, RESTORE)
    made = lab.ledger.all(Operation)[key]
    assert key == f"restore:{made.args['volume_id']}"
    assert (made.args["supersedes"], made.args["snapshot_id"]) == ("v1", "vs_1")


async def test_a_burst_knows_the_names_that_it_asks_for_from_the_first(lab: Lab) -> None:
    """It may end stuck without an answer: what was made under its names must not be made again."""
    (key,) = await written(lab, BURST)
    burst = lab.ledger.all(Burst)[key]
    names = ("arn-burst3-1", "arn-burst3-2")
    assert (burst.names, burst.stage) == (names, BurstStage.REQUESTED)
    assert lab.ledger.all(Operation)[key].args["names"] == list(names)


async def test_what_is_given_up_is_stuck_from_the_first_and_nothing_is_asked_for(lab: Lab) -> None:
    async with lab.ledger.writing() as draft:
        effects.write(GiveUpDemands("arn", Capacity(4, 4096, 1024), ("web/w",), "too large"), draft, "d1", NOON)
    (burst,) = lab.ledger.all(Burst).values()
    assert (burst.stage, burst.hosts, burst.note, burst.open) == (BurstStage.STUCK, 0, "too large", False)
    assert not lab.ledger.all(Operation)
