"""Whom each agent asks: mostly other racks, the same ones while they are there, each host others."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from remediator.engine.evidence.peers import peers_of, racks_of
from remediator.model.host import Host, Life
from tests.remediator.builders import NOON, dead, host

THERE = {f"h{n}": host(f"h{n}", f"r{n % 4}") for n in range(1, 21)}


def chosen(name: str, hosts: dict[str, Host]) -> list[str]:
    return peers_of(hosts[name], racks_of(hosts.values(), NOON), NOON, hosts)


def test_two_of_three_are_in_other_racks() -> None:
    for name, mine in THERE.items():
        racks = Counter(THERE[peer].rack for peer in chosen(name, THERE))
        assert (sum(racks.values()), racks[mine.rack], len(racks)) == (3, 1, 3)
        assert name not in chosen(name, THERE)


def test_they_stay_while_they_are_there() -> None:
    first = chosen("h1", THERE)
    settled = {**THERE, "h1": replace(THERE["h1"], peers=tuple(first))}
    settled |= {f"n{n}": host(f"n{n}", f"r{n % 7}") for n in range(30)}
    assert chosen("h1", settled) == first
    lost = first[0]
    briefly = {**settled, lost: dead(lost, settled[lost].rack, ago=timedelta(minutes=9))}
    assert chosen("h1", briefly) == first
    for gone in (
        dead(lost, settled[lost].rack, ago=timedelta(minutes=11)),
        replace(settled[lost], life=Life.RETIRED),
        replace(settled[lost], address=""),
    ):
        after = chosen("h1", {**settled, lost: gone})
        assert set(first) - set(after) == {lost}
        assert len(after) == 3


def test_a_small_fleet_asks_whom_it_has() -> None:
    alone = {"h1": THERE["h1"]}
    assert chosen("h1", alone) == []
    abroad = {**alone, "far": host("far", "r9", region="ord")}
    assert chosen("h1", abroad) == ["far"]
    one_rack = {f"h{n}": host(f"h{n}", "r1") for n in range(1, 5)}
    assert len(chosen("h1", one_rack)) == 1
    assert chosen("h1", {**alone, "h2": host("h2", "r2"), "h3": host("h3", "r3")}) == ["h2", "h3"]


def test_each_is_asked_by_about_as_many() -> None:
    many = {f"h{n}": host(f"h{n}", f"r{n % 20}") for n in range(400)}
    asked = Counter(peer for name in many for peer in chosen(name, many))
    assert max(asked.values()) < 15
