"""Who probes whom: seats in other racks and in one's own, kept for as long as may be."""

from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given, settings

from remediator.engine.evidence.vantages import Places, Vantage, assigned, seats_of
from remediator.model.host import Host
from tests.remediator.builders import host

EVERYWHERE = [Vantage(f"p-{rack}", "arn", rack) for rack in ("r1", "r2", "r3", "r4")]
HERE = host("h1", "r1")


def names(seats: tuple[Vantage, ...]) -> set[str]:
    return {each.name for each in seats}


def racks(seats: tuple[Vantage, ...]) -> list[str]:
    return sorted(each.rack for each in seats)


def leaving(vantages: list[Vantage], *gone: str) -> Places:
    return Places(replace(each, live=False, leaves=True) if each.name in gone else each for each in vantages)


def test_two_watch_from_other_racks_and_one_from_its_own() -> None:
    seats = assigned([HERE], EVERYWHERE)["h1"]
    assert len(seats) == 3
    assert racks(seats).count("r1") == 1
    assert len(set(racks(seats))) == 3


def test_a_host_is_no_vantage_of_itself() -> None:
    own = replace(EVERYWHERE[0], host="h1")
    seats = assigned([HERE, host("h2", "r1")], [own, *EVERYWHERE[1:]])
    assert "p-r1" not in names(seats["h1"])
    # The other host of the rack is watched from it.
    assert "p-r1" in names(seats["h2"])


def test_a_rack_of_the_same_name_in_another_region_is_elsewhere() -> None:
    abroad = Vantage("p-far", "fra", "r1")
    seats = assigned([HERE], [abroad, *EVERYWHERE[:2]])["h1"]
    assert names(seats) == {"p-far", "p-r1", "p-r2"}


def test_two_of_the_same_rack_take_seats_only_where_there_is_no_other_rack() -> None:
    twins = [Vantage("p-a", "arn", "r2"), Vantage("p-b", "arn", "r2")]
    seats = assigned([HERE], twins)["h1"]
    assert names(seats) == {"p-a", "p-b"}
    # A third one joins them as soon as another rack has one: nobody has to leave for it.
    after = seats_of(HERE, Places([*twins, Vantage("p-c", "arn", "r3")]), seats)
    assert names(after) == {"p-a", "p-b", "p-c"}


def test_whoever_has_a_seat_keeps_it_when_others_come() -> None:
    seats = assigned([HERE], EVERYWHERE)["h1"]
    more = [Vantage(f"q-{rack}", "arn", rack) for rack in ("r1", "r2", "r5", "r6")]
    assert seats_of(HERE, Places([*EVERYWHERE, *more]), seats) == seats


def test_one_that_leaves_is_replaced_in_the_same_step_or_stays() -> None:
    seats = assigned([HERE], EVERYWHERE)["h1"]
    (spare,) = {each.name for each in EVERYWHERE} - names(seats)
    gone = next(each.name for each in seats if each.rack != "r1")
    assert names(seats_of(HERE, leaving(EVERYWHERE, gone), seats)) == names(seats) - {gone} | {spare}
    without = [each for each in EVERYWHERE if each.name != spare]
    assert names(seats_of(HERE, leaving(without, gone), seats)) == names(seats)
    # Nobody else is in its rack: the seat inside is kept, however long its holder is gone.
    assert "p-r1" in names(seats_of(HERE, leaving(EVERYWHERE, "p-r1"), seats))


def test_none_leaves_whom_an_incident_touches() -> None:
    seats = assigned([HERE], EVERYWHERE)["h1"]
    gone = next(each.name for each in seats if each.rack != "r1")
    after = seats_of(HERE, leaving(EVERYWHERE, gone), seats, frozenset({gone}))
    assert names(after) == names(seats)


def test_one_that_is_only_silent_keeps_its_seat() -> None:
    seats = assigned([HERE], EVERYWHERE)["h1"]
    silent = Places(replace(each, live=False) for each in EVERYWHERE)
    assert names(seats_of(HERE, silent, seats)) == names(seats)


def test_one_that_is_gone_for_good_loses_its_seat() -> None:
    seats = assigned([HERE], EVERYWHERE)["h1"]
    gone = next(each.name for each in seats if each.rack != "r1")
    after = seats_of(HERE, Places(each for each in EVERYWHERE if each.name != gone), seats)
    assert gone not in names(after)
    assert len(after) == 3


def test_hosts_are_spread_over_vantages() -> None:
    vantages = [Vantage(f"p{number}", "arn", f"r{number}") for number in range(20)]
    hosts = [host(f"h{number}", f"r{number % 20}") for number in range(400)]
    load = [name for seats in assigned(hosts, vantages).values() for name in names(seats)]
    most = max(load.count(each.name) for each in vantages)
    # Sixty on average.
    assert most <= 120


places = st.lists(
    st.builds(
        Vantage,
        name=st.sampled_from([f"p{number}" for number in range(8)]),
        region=st.sampled_from(["arn", "fra"]),
        rack=st.sampled_from(["r1", "r2", "r3"]),
        live=st.booleans(),
        host=st.sampled_from(["", "h1", "h2"]),
        leaves=st.booleans(),
    ),
    unique_by=lambda vantage: vantage.name,
    max_size=8,
)


def usable(vantages: list[Vantage], known: Host) -> tuple[set[str], set[tuple[str, str]]]:
    """Names inside the host's rack, and racks outside of it."""
    others = [each for each in vantages if each.host != known.name]
    inside = {each.name for each in others if each.where == (known.region, known.rack)}
    return inside, {each.where for each in others if each.name not in inside}


@settings(max_examples=60)
@given(places, places)
def test_every_seat_that_can_be_filled_is_and_nobody_leaves_unless_replaced(
    before: list[Vantage], after: list[Vantage]
) -> None:
    held = assigned([HERE], before)["h1"]
    seats = seats_of(HERE, Places(after), held)
    inside, outside = usable(after, HERE)
    there = {each.name: each for each in after}
    assert len(names(seats)) == len(seats)
    assert all(each.host != "h1" and each.name in there for each in seats)
    assert any(each.name in inside for each in seats) or not inside
    strangers = [each for each in seats if each.where != (HERE.region, HERE.rack)]
    fewest = min(2, sum(1 for each in after if each.host != "h1" and each.name not in inside))
    assert len(strangers) >= fewest
    live = {each.where for each in after if each.live and each.host != "h1"} & outside
    assert len({each.where for each in strangers}) >= min(2, len(live))
    for each in held:
        stays = each.name in there and there[each.name].host != "h1"
        if stays and not there[each.name].leaves:
            assert each.name in names(seats)
