"""Vantages and machines find their places: apart from each other, and never beyond what there is."""

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from remediator.actions.effects import Cordon, Migrate, Recreate, RestoreVolume
from remediator.engine.evidence.vantages import Vantage, assigned
from remediator.engine.machines.placement import choose, placed, reserved, room_of
from remediator.model.host import Capacity, Life
from tests.remediator.builders import BIG, fleet, host, machine, volume

SMALL = Capacity(1, 256, 0)
RACKS = ("r1", "r2", "r3")


def vantages(*racks: str) -> list[Vantage]:
    return [Vantage(f"p-{rack}-{number}", "arn", rack) for number, rack in enumerate(racks)]


def test_one_vantage_of_its_own_rack_and_two_of_others() -> None:
    (found,) = assigned([host("h1", "r1")], vantages("r1", "r1", "r2", "r2", "r3")).values()
    assert sorted(each.rack for each in found) == ["r1", "r2", "r3"]


def test_two_of_one_rack_are_taken_only_when_there_is_no_other() -> None:
    (found,) = assigned([host("h1", "r1")], vantages("r2", "r2", "r2")).values()
    assert len(found) == 2
    assert assigned([host("h1", "r1")], []) == {"h1": ()}


def test_an_assignment_stays_when_others_come_and_go() -> None:
    hosts, many = [host(f"h{n}", "r1") for n in range(10)], vantages("r1", "r2", "r3", "r4", "r5")
    before = assigned(hosts, many)
    assert assigned(reversed(hosts), reversed(many)) == before
    gone = many[-1]
    after = assigned(hosts, many[:-1])
    assert [name for name in before if gone not in before[name]]
    assert all(after[name] == places for name, places in before.items() if gone not in places)


def test_a_silent_vantage_keeps_its_seat_until_one_that_reports_can_take_it() -> None:
    """Else the last that still reports would be the only one assigned, and decide alone."""
    first, second, third = vantages("r1", "r2", "r3")
    quiet = replace(second, live=False), replace(third, live=False)
    (found,) = assigned([host("h1", "r1")], [first, *quiet]).values()
    assert set(found) == {first, *quiet}
    others = [Vantage(f"p-new-{number}", "arn", "r4") for number in range(2)]
    (found,) = assigned([host("h1", "r1")], [first, *quiet, *others]).values()
    assert set(found) == {first, *others}
    (found,) = assigned([host("h1", "r1")], [replace(first, live=False), Vantage("p-in", "arn", "r1")]).values()
    assert [each.name for each in found] == ["p-in"]


def test_machines_of_an_app_spread_over_hosts_and_racks() -> None:
    known = fleet(host("h1", "r1"), host("h2", "r1"), host("h3", "r2"), machine("m1", on="h1"))
    chosen = choose(known, room_of(known), "web", "arn", SMALL)
    assert chosen is not None
    assert chosen.name == "h3"


def test_machines_of_an_app_that_are_placed_at_once_are_spread_too() -> None:
    lost = [machine(f"m{number}", on="h1", app="web") for number in range(1, 4)]
    known = fleet(host("h2", "r1"), host("h3", "r1"), host("h4", "r2", capacity=Capacity(4, 1024, 0)), *lost)
    sent, without = placed(tuple(Recreate(each.id, "I", 1) for each in lost), known)
    assert not without
    assert [each.target for each in sent if isinstance(each, Recreate)] == ["h2", "h4", "h3"]


def test_most_free_memory_then_the_name_decides() -> None:
    known = fleet(host("h1", capacity=SMALL), host("h2"), host("h3"))
    chosen = choose(known, room_of(known), "web", "arn", SMALL)
    assert chosen is not None
    assert chosen.name == "h2"


@pytest.mark.parametrize(
    "change", [{"region": "fra"}, {"cordoned": "full"}, {"life": Life.SUSPECT}, {"capacity": Capacity(1, 255, 9)}]
)
def test_no_host_is_no_host(change: dict[str, Any]) -> None:
    known = fleet(host("h1", **change))
    assert choose(known, room_of(known), "web", "arn", SMALL) is None


def test_an_effect_that_has_its_target_keeps_it_and_others_pass() -> None:
    known = fleet(host("h1"), machine())
    fixed, cordon = Recreate("m1", "I", 1, ("v1",), "h9"), Cordon("h1", "full")
    assert placed((fixed, cordon), known) == ((fixed, cordon), ())


def test_a_restore_takes_its_machine_along() -> None:
    tight = Capacity(8, 8192, 100)
    known = fleet(host("h2", capacity=tight), host("h3", capacity=replace(tight, memory_mb=255)), machine(), volume())
    (restored,), _ = placed((RestoreVolume("m1", "v1", "vs_1", 100),), known)
    assert isinstance(restored, RestoreVolume)
    assert restored.target == "h2"
    _, without = placed((RestoreVolume("m1", "v1", "vs_1", 101),), known)
    assert without == (RestoreVolume("m1", "v1", "vs_1", 101),)


def test_a_migration_needs_the_disk_of_its_volumes() -> None:
    known = fleet(host("h2", capacity=Capacity(8, 8192, 99)), machine("m1", on="h1", volumes=("v1",)), volume())
    wish = Migrate("m1", "h1", "full")
    assert placed((wish,), known) == ((), (wish,))


def test_a_move_never_ends_where_it_began() -> None:
    """Its own host has most room, and would be chosen first."""
    moving, wish = machine("m1", on="h1"), Migrate("m1", "h1", "full")
    tight = host("h2", capacity=Capacity(1, 256, 0))
    assert placed((wish,), fleet(host("h1"), tight, moving)) == ((replace(wish, target="h2"),), ())
    assert placed((wish,), fleet(host("h1"), moving)) == ((), (wish,))


def test_what_decisions_take_counts_and_adds_up() -> None:
    known = fleet(host("h2"), machine("m1", on="h1"), machine("m2", on="h1", volumes=("v1",)), volume(size_mb=100))
    taken = reserved([("", (Recreate("m1", "I", 1, (), "h2"), Cordon("h1", "full")))], known)
    assert taken == {"h2": Capacity(1, 256, 0)}
    more = reserved([("", (RestoreVolume("m2", "v1", "vs_1", 100, "h2"),))], replace(known, reserved=taken))
    assert more == {"h2": Capacity(2, 512, 100)}
    assert room_of(replace(known, reserved=more)) == {"h2": BIG - Capacity(2, 512, 100)}


capacities = st.builds(Capacity, st.integers(0, 8).map(float), st.integers(0, 2048), st.integers(0, 100))


@given(
    st.lists(st.tuples(st.sampled_from(RACKS), capacities), max_size=5), st.lists(st.integers(1, 700), max_size=12)
)
def test_no_host_is_ever_promised_more_than_it_has(hosts: list[tuple[str, Capacity]], sizes: list[int]) -> None:
    homes = [host(f"h{n}", rack, capacity=room) for n, (rack, room) in enumerate(hosts)]
    lost = [machine(f"m{n}", on="gone", config={"guest": {"memory_mb": mb}}) for n, mb in enumerate(sizes)]
    known = fleet(*homes, *lost)
    wishes = tuple(Recreate(each.id, each.instance_id, 1) for each in lost)
    done, without = placed(wishes, known)
    assert len(done) + len(without) == len(wishes)
    room = room_of(known)
    for effect in done:
        assert isinstance(effect, Recreate)
        room[effect.target] -= known.machines[effect.machine].asks
    assert all(Capacity().fits(left) for left in room.values())
    # And nobody is turned away while there is room.
    turned_away = [known.machines[effect.machine].asks for effect in without]
    assert not any(asks.fits(left) for asks in turned_away for left in room.values())


def test_free_capacity_is_offered_only_by_hosts_that_take_work() -> None:
    known = fleet(host("h1"), host("h2", life=Life.PROBATION), host("h3", joined=False))
    assert room_of(known) == {"h1": BIG}
