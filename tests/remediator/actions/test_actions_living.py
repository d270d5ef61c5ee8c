"""The plans for hosts and regions that live: cordon, migrate, burst, notify; and how many hosts a demand needs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from remediator.actions import ACTIONS
from remediator.actions.effects import Cordon, GiveUpDemands, Migrate, Provision, Tell, Uncordon
from remediator.actions.packing import hosts_needed
from remediator.actions.spec import Planned
from remediator.model.decision import Hold
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity
from remediator.model.machine import MachineState
from remediator.model.policy import EvidenceGuard, Step
from remediator.model.request import STOP_HANGS, Burst, BurstStage, Demand, Migration, MigrationStage, Stage
from tests.remediator.builders import (
    NOON,
    SECOND,
    case,
    dead,
    fleet,
    host,
    machine,
    operation,
    playbook,
    remediation,
)

DISK = playbook("host_disk_full", evidence=EvidenceGuard())
ROOM = playbook("region_without_room", target="region", steps=(Step("burst_provision"),))


def planned(action: str, known: Fleet, target: str = "h1", **params: Any) -> Planned:
    book = ROOM if action == "burst_provision" else DISK
    found = ACTIONS[action].plan(case(known, target, book), ACTIONS[action].params.model_validate(params))
    assert not isinstance(found, Hold)
    return found


def test_cordon_and_uncordon_do_what_is_not_yet_so() -> None:
    free, shut = fleet(host()), fleet(host(cordoned="host_disk_full"))
    assert planned("cordon", free).effects == (Cordon("h1", "host_disk_full"),)
    assert planned("cordon", shut) == planned("uncordon", free) == planned("cordon", fleet(host("h10"))) == Planned()
    assert planned("uncordon", shut).effects == (Uncordon("h1", "host_disk_full"),)


def test_some_cordons_only_a_person_ends() -> None:
    shut = case(fleet(host(cordoned="host_array_broken")), "h1", DISK)
    params = ACTIONS["uncordon"].params.model_validate({"not_by": ["host_array_broken"]})
    held = ACTIONS["uncordon"].plan(shut, params)
    assert held == Hold("CordonedFor", "host_array_broken cordoned it: a person says when that is over")
    assert planned("uncordon", fleet(host(cordoned="host_wedged")), not_by=["host_array_broken"]).effects != ()


def test_notify_tells_once() -> None:
    assert planned("notify", fleet(), text="look").effects == (Tell("h1", "look"),)
    told = case(fleet(), "h1", DISK, remediation=remediation("h1", "notify", playbook="host_disk_full"))
    assert ACTIONS["notify"].plan(told, ACTIONS["notify"].params()) == Planned()


def moved(found: Planned) -> list[str]:
    return [effect.machine for effect in found.effects if isinstance(effect, Migrate)]


def test_an_app_loses_one_machine_at_a_time() -> None:
    known = fleet(host(), machine("m1"), machine("m2"), machine("m3", app="api"), machine("m10", on="h10"))
    found = planned("migrate", known)
    assert (moved(found), found.waiting) == (["m1", "m3"], "3 machines still here")
    under_way = Migration("g", "m9", "web", "h7", "h8", NOON, "x", stage=MigrationStage.COPYING)
    assert moved(planned("migrate", fleet(*known.hosts.values(), *known.machines.values(), under_way))) == ["m3"]


def test_no_more_at_once_than_allowed_and_not_what_cannot_move() -> None:
    many = [machine(f"m{n}", app=f"app{n}") for n in range(6)]
    assert len(moved(planned("migrate", fleet(host(), *many)))) == 4
    assert len(moved(planned("migrate", fleet(host(), *many), at_once=1))) == 1
    still = machine("m1", adopted=True), machine("m2", state=MachineState.DESTROYED)
    assert planned("migrate", fleet(host(), *still)) == Planned()
    mounted = machine("m1", volumes=("v1",))
    assert moved(planned("migrate", fleet(host(), mounted))) == ["m1"]
    assert planned("migrate", fleet(host(), mounted), machines="stateless") == Planned()


def test_three_tries_are_enough() -> None:
    tried = [
        Migration(f"g{n}", "m1", "web", "h1", "h2", NOON, "x", stage=MigrationStage.ROLLED_BACK) for n in range(3)
    ]
    (second,) = planned("migrate", fleet(host(), machine(), *tried[:1])).effects
    assert second.key == "migrate:m1:h1:1"
    assert moved(planned("migrate", fleet(host(), machine(), *tried))) == []


def test_what_is_only_being_made_there_is_not_yet_moved() -> None:
    """A stop that overtakes its start leaves it running here while it is carried away."""
    create = operation("create:m1", "create", machine="m1")
    assert moved(planned("migrate", fleet(host(), machine(), create))) == []
    made = replace(create, stage=Stage.DONE)
    assert moved(planned("migrate", fleet(host(), machine(), made))) == ["m1"]


def demand(key: str, memory: int = 1024, region: str = "arn", count: int = 1) -> Demand:
    return Demand(key, "web", region, Capacity(1, memory, 0), count, NOON, NOON)


def test_what_hangs_on_a_wedged_host_is_not_tried_again_and_others_of_its_app_are() -> None:
    gave_up = Migration("g1", "m1", "web", "h1", "h2", NOON, "wedged", MigrationStage.ROLLED_BACK, note=STOP_HANGS)
    ground = (host("h1"), host("h2", "r2"), machine("m1"), machine("m2"))
    assert moves(*ground, gave_up) == ["m2"]
    assert moves(*ground, replace(gave_up, note="no space")) == ["m1"]
    assert moves(*ground, replace(gave_up, asked_at=NOON - SECOND)) == ["m1"]


def test_nothing_is_moved_off_a_host_that_is_gone() -> None:
    known = fleet(dead("h1"), host("h2", "r2"), machine("m1"))
    assert planned("migrate", known) == Planned(waiting="it is gone: what ran there is another playbook's matter")


def moves(*things: object) -> list[str]:
    return [effect.machine for effect in planned("migrate", fleet(*things)).effects if isinstance(effect, Migrate)]


def test_a_burst_asks_once_for_what_the_demands_need() -> None:
    known = fleet(demand("b", 3000), demand("a", 3000), demand("c", region="fra"))
    (wish,) = planned("burst_provision", known, "arn").effects
    assert wish == Provision("arn", 2, Capacity(4, 4096, 1024), ("a", "b"), 1)
    assert planned("burst_provision", known, "arn", hedge=1).effects[0] == Provision(
        "arn", 3, Capacity(4, 4096, 1024), ("a", "b"), 1
    )
    (capped,) = planned("burst_provision", fleet(demand("a", 4000, count=50)), "arn", max_hosts=4).effects
    assert isinstance(capped, Provision)
    assert capped.hosts == 4


def burst(stage: BurstStage, *names: str, ago: float = 0) -> Burst:
    moved = NOON - timedelta(seconds=ago)
    return Burst("b1", "arn", 1, Capacity(), NOON, (), stage, moved, names, "no answer")


def test_while_one_is_open_no_other_is_asked_for() -> None:
    for stage in (BurstStage.REQUESTED, BurstStage.PROVISIONING, BurstStage.JOINED):
        assert planned("burst_provision", fleet(demand("a"), burst(stage)), "arn").effects == ()
    assert planned("burst_provision", fleet(), "arn") == Planned()


@pytest.mark.parametrize(
    ("things", "number"),
    [
        ((), 1),
        ((burst(BurstStage.CONSUMED, "arn-burst1-1", "arn-burst1-2"),), 2),
        # Its burst is forgotten; its name is still in use.
        ((host("arn-burst7-1"),), 8),
        ((host("arn-burst9-1"), burst(BurstStage.EXPIRED, "arn-burst10-1")), 11),
        ((host("fra-burst7-1"), host("arn-burstling-1"), host("arn-burst5")), 1),
    ],
)
def test_the_next_round_has_a_number_that_no_host_bears(things: tuple[object, ...], number: int) -> None:
    (wish,) = planned("burst_provision", fleet(demand("a"), *things), "arn").effects
    assert wish.key == f"burst:arn:{number}"


def test_a_stuck_burst_is_a_hold_until_the_cooldown_is_over() -> None:
    params = ACTIONS["burst_provision"].params()
    book = replace(ROOM, cooldown=timedelta(minutes=10))

    def told(*things: object) -> Planned | Hold:
        return ACTIONS["burst_provision"].plan(case(fleet(*things), "arn", book), params)

    held = told(demand("a"), burst(BurstStage.STUCK, ago=599))
    again = "they are asked for again in 1 s, after the cooldown"
    assert held == Hold("BurstStuck", f"the last request for hosts is stuck: no answer; {again}")
    assert isinstance(told(demand("a"), burst(BurstStage.STUCK, ago=600)), Planned)
    assert told(burst(BurstStage.STUCK)) == Planned()
    assert isinstance(told(demand("a"), replace(burst(BurstStage.STUCK), region="fra")), Planned)


WHY = (
    "no host of 4 cpus, 4096 MB of memory, 1024 MB of disk holds what web asks for: "
    "1 cpus, 6000 MB of memory, 0 MB of disk"
)
GIVEN_UP = GiveUpDemands("arn", Capacity(4, 4096, 1024), ("big",), WHY)


def told_by(*things: object) -> Planned | Hold:
    """What is planned with a cooldown of ten minutes, and a hedge."""
    params = ACTIONS["burst_provision"].params.model_validate({"hedge": 1})
    return ACTIONS["burst_provision"].plan(case(fleet(*things), "arn", replace(ROOM, cooldown=MINUTES)), params)


MINUTES = timedelta(minutes=10)
SAID = replace(burst(BurstStage.STUCK, ago=599), hosts=0, note=WHY)


def test_what_no_host_would_hold_is_given_up_at_once_and_held_with_its_reason() -> None:
    assert told_by(demand("big", 6000)) == Planned((GIVEN_UP,))
    assert told_by(demand("big", 6000), SAID) == Hold("DemandTooLarge", WHY)
    assert told_by(demand("big", 6000), replace(SAID, moved_at=NOON - MINUTES)) == Planned((GIVEN_UP,))


def test_what_no_host_would_hold_never_keeps_others_waiting() -> None:
    asked = Provision("arn", 2, Capacity(4, 4096, 1024), ("a",), 1)
    assert told_by(demand("big", 6000), demand("a")) == Planned((GIVEN_UP, asked), "hosts were asked for")
    assert told_by(demand("big", 6000), demand("a"), SAID) == Planned((asked,), "hosts were asked for")
    under_way = told_by(demand("big", 6000), burst(BurstStage.REQUESTED))
    assert under_way == Planned((GIVEN_UP,), "a burst request is under way")
    stuck = burst(BurstStage.STUCK)
    assert told_by(demand("big", 6000), demand("a"), stuck) == Planned((GIVEN_UP,))
    later = told_by(demand("big", 6000), demand("a"), stuck, replace(SAID, id="b2"))
    assert isinstance(later, Hold)
    assert later.reason == "BurstStuck"


def test_a_demand_larger_than_any_host_asks_for_none() -> None:
    assert hosts_needed([demand("a", 5000)], Capacity(4, 4096, 0)) == 0


@given(st.lists(st.integers(1, 1024), max_size=20))
def test_never_more_hosts_than_demands_nor_fewer_than_their_sum(sizes: list[int]) -> None:
    shape = Capacity(1000, 1024, 0)
    found = hosts_needed([demand(str(n), memory) for n, memory in enumerate(sizes)], shape)
    assert -(-sum(sizes) // 1024) <= found <= len(sizes)
