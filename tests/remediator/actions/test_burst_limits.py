"""A demand for hosts ends: after three attempts, the hosts that it needs, or its money; then it is stuck."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from remediator.actions import ACTIONS
from remediator.actions.effects import GiveUpDemands, Provision
from remediator.actions.spec import Planned
from remediator.engine.machines.bursts import counts
from remediator.model.decision import Hold
from remediator.model.host import Capacity
from remediator.model.machine import Event, Machine, MachineState
from remediator.model.people import Release
from remediator.model.policy import EvidenceGuard, Limits, Step
from remediator.model.request import Burst, BurstStage, Demand
from tests.remediator.builders import NOON, SECOND, case, fleet, host, machine, playbook

SHAPE = Capacity(4, 4096, 1024)
ROOM = playbook("region_without_room", target="region", steps=(Step("burst_provision"),), evidence=EvidenceGuard())
LONG_AGO = NOON - timedelta(hours=1)


def demand(key: str = "a", count: int = 1, memory_mb: int = 4000) -> Demand:
    return Demand(key, "web", "arn", Capacity(1, memory_mb, 0), count, LONG_AGO, NOON)


def burst(number: int, stage: BurstStage = BurstStage.STUCK, given: int = 0, key: str = "a", **more: Any) -> Burst:
    names = tuple(f"arn-burst{number}-{n + 1}" for n in range(max(1, given)))
    at = LONG_AGO + number * SECOND
    return replace(
        Burst(f"b{number}", "arn", len(names), SHAPE, at, (key,), stage, at, names, "sold out", given), **more
    )


def planned(*things: Any, limits: Limits | None = None, **params: Any) -> Planned | Hold:
    asked = case(fleet(*things), "arn", replace(ROOM, cooldown=timedelta(minutes=10)))
    asked = replace(asked, limits=limits or Limits())
    return ACTIONS["burst_provision"].plan(asked, ACTIONS["burst_provision"].params.model_validate(params))


def asked_for(found: Planned | Hold) -> int:
    """How many hosts are asked for."""
    assert isinstance(found, Planned)
    return sum(effect.hosts for effect in found.effects if isinstance(effect, Provision))


def given_up(found: Planned | Hold) -> GiveUpDemands:
    assert isinstance(found, Planned)
    (effect,) = found.effects
    assert isinstance(effect, GiveUpDemands)
    return effect


def test_hosts_are_asked_for_three_times_and_no_fourth() -> None:
    tries = [burst(number) for number in (1, 2, 3)]
    assert asked_for(planned(demand(), *tries[:2])) == 1
    word = given_up(planned(demand(), *tries))
    assert word == GiveUpDemands(
        "arn", SHAPE, ("a",), "hosts were asked for 3 times in vain, the last time: sold out"
    )


def test_what_was_said_is_said_once_and_held_with_its_reason() -> None:
    tries = [burst(number) for number in (1, 2, 3)]
    word = given_up(planned(demand(), *tries))
    said = Burst("b0", "arn", 0, SHAPE, LONG_AGO, word.demands, BurstStage.STUCK, LONG_AGO, (), word.why)
    assert planned(demand(), *tries, said) == Hold("DemandStuck", word.why)


def test_one_tired_demand_keeps_no_other_waiting() -> None:
    tries = [burst(number) for number in (1, 2, 3)]
    found = planned(demand(), demand("b"), *tries)
    assert asked_for(found) == 1
    assert isinstance(found, Planned)
    assert {type(effect) for effect in found.effects} == {GiveUpDemands, Provision}


def test_what_succeeded_is_no_attempt() -> None:
    assert asked_for(planned(demand(), *(burst(n, BurstStage.CONSUMED, given=1) for n in (1, 2, 3)), *joined(3))) == 1


def joined(many: int) -> list[Any]:
    return [host(f"arn-burst{n}-1") for n in range(1, many + 1)]


def test_hosts_that_were_given_and_never_joined_count_against_what_is_needed_and_the_hedge() -> None:
    lost = burst(1, given=2)
    assert asked_for(planned(demand(count=3), lost)) == 1
    assert "2 of the hosts that were given for it never joined" in given_up(planned(demand(count=2), lost)).why
    assert asked_for(planned(demand(count=2), lost, hedge=1)) == 1
    assert asked_for(planned(demand(count=2), lost, host("arn-burst1-1"))) == 1


def test_a_demand_costs_no_more_than_its_money() -> None:
    limits = Limits(burst_money=10.0)
    assert asked_for(planned(demand(count=9), limits=limits, price=3.0)) == 3
    spent = burst(1, BurstStage.EXPIRED, given=2)
    here = [host("arn-burst1-1"), host("arn-burst1-2")]
    assert asked_for(planned(demand(count=9), spent, *here, limits=limits, price=3.0)) == 1
    told = given_up(planned(demand(count=9), spent, *here, limits=limits, price=4.0))
    assert told.why == "a host costs 4, and of the 10 that it may cost 8 are spent"
    assert asked_for(planned(demand(count=9), spent, *here, limits=limits)) == 9, "no price is named"
    assert asked_for(planned(demand(count=9), spent, *here, price=4.0)) == 9, "no ceiling is set"


def test_a_persons_release_of_the_region_begins_its_life_anew() -> None:
    tries = [burst(number) for number in (1, 2, 3)]
    word = Release("r1", ("arn",), "ada", "the provider has hosts again", NOON - SECOND, NOON + SECOND)
    assert asked_for(planned(demand(), *tries, word)) == 1
    assert given_up(planned(demand(), *tries, replace(word, until=NOON))).demands == ("a",)


def test_attempts_are_remembered_for_as_long_as_the_demand_stands() -> None:
    assert counts(burst(1), fleet(demand()))
    assert not counts(burst(1), fleet(demand("b")))


def made(identifier: str, state: MachineState, image: str = "web:2", ago: float = 60, **more: Any) -> Machine:
    born: dict[str, Any] = {"created_at": NOON - ago * SECOND, "config": {"image": image}}
    return machine(identifier, state=state, **born, **more)


NEVER: dict[str, Any] = {"events": (Event(NOON, "launch", "failed", "agent", "no such image"),)}


def test_an_image_that_failed_twice_is_stopped_until_a_person_or_another_image() -> None:
    bad = made("m1", MachineState.FAILED), made("m2", MachineState.DESTROYED, **NEVER)
    assert asked_for(planned(demand(), bad[0])) == 1
    assert given_up(planned(demand(), *bad)).why == "image web:2 of web: m1, m2 failed, and none of it runs"
    # What one of them shows to run, or what was made before, or by an earlier image, says nothing against it.
    assert asked_for(planned(demand(), *bad, made("m3", MachineState.STARTED))) == 1
    assert asked_for(planned(demand(), *(replace(each, created_at=LONG_AGO - SECOND) for each in bad))) == 1
    assert asked_for(planned(demand(), *bad, made("m3", MachineState.CREATED, "web:3", ago=5))) == 1
    released = Release("r1", ("arn",), "ada", "mended", NOON - 10 * SECOND, NOON + 3600 * SECOND)
    assert asked_for(planned(demand(), *bad, released)) == 1


def test_an_image_of_one_app_stops_no_other() -> None:
    bad = made("m1", MachineState.FAILED), made("m2", MachineState.FAILED)
    other = replace(demand("b"), app="db")
    found = planned(demand(), other, *bad)
    assert asked_for(found) == 1
    assert isinstance(found, Planned)
    words = [each for each in found.effects if isinstance(each, GiveUpDemands | Provision)]
    assert [each.demands for each in words] == [("a",), ("b",)]


def test_a_shape_whose_hosts_never_joined_twice_in_turn_is_stopped_for_all() -> None:
    filled = [burst(number, given=1, key=key) for number, key in ((1, "a"), (2, "b"))]
    assert asked_for(planned(demand("c", count=3), filled[0])) == 3
    word = given_up(planned(demand("c", count=3), *filled))
    assert (word.demands, word.why) == (("c",), "the hosts of the last 2 requests for this shape never joined")
    joined = burst(3, BurstStage.CONSUMED, given=1, key="d")
    assert asked_for(planned(demand("c", count=3), *filled, joined)) == 3
