"""Correlation: who fell together, measured against chance."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.engine.incidents.correlation import cohort, key_of, quantile, rate_of
from remediator.engine.index import Index
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.incident import Incident, IncidentStage
from remediator.model.policy import Correlated
from remediator.model.suspicion import BaseRate, Spell, Suspicion
from tests.remediator.builders import NOON, SECOND, dead, fleet, host, verdict

MINUTE = 60 * SECOND
RULE = Correlated(by=("rack", "region"), at_least=3)
RACK = ("rack", "arn", "r1")


def found(known: Fleet, key: tuple[str, str, str] = RACK, rule: Correlated = RULE) -> bool:
    seen = cohort(Index(known, NOON), rule, key)
    return seen is not None and seen.incident


@pytest.mark.parametrize("mean", [0.001, 0.02, 0.35, 1.0, 7.5, 60.0, 400.0])
def test_the_quantile_is_that_of_a_poisson_variable(mean: float) -> None:
    def at_most(count: int) -> float:
        return sum(math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(count + 1))

    count = quantile(mean)
    assert at_most(count) >= 0.999
    assert count == 0 or at_most(count - 1) < 0.999


def test_of_many_the_normal_distribution_is_near_enough() -> None:
    assert quantile(499.9) <= quantile(500.1) <= quantile(499.9) + 2


def test_a_rack_of_four_with_three_down_is_an_incident_and_two_are_none() -> None:
    four = [dead("h1"), dead("h2"), dead("h3"), host("h4")]
    assert found(fleet(*four))
    assert not found(fleet(*four[:2], host("h3"), host("h4")))


def test_in_a_region_of_thousands_three_in_an_hour_are_chance() -> None:
    crowd = [host(f"x{n}", f"q{n % 50}") for n in range(3000)]
    lost = [dead(f"h{n}", f"q{n}", ago=n * 15 * MINUTE) for n in (1, 2, 3)]
    assert not found(fleet(*lost, *crowd), ("region", "", "arn"))
    # The same three within seconds are not.
    at_once = [dead(f"h{n}", f"q{n}") for n in (1, 2, 3)]
    assert not found(fleet(*at_once, *crowd), ("region", "", "arn")), "at a blip a host and day, three are not much"
    six = [dead(f"h{n}", f"q{n}") for n in range(1, 8)]
    assert found(fleet(*six, *crowd), ("region", "", "arn"))


def test_each_window_is_counted_in() -> None:
    slow = [dead(f"h{n}", ago=n * 10 * MINUTE) for n in (1, 2, 3)]
    assert found(fleet(*slow))
    assert not found(fleet(*slow), rule=replace(RULE, within=(30 * SECOND,)))


def cleared(name: str, ago: float, lasted: float) -> Suspicion:
    began = NOON - ago * SECOND
    return Suspicion(name, (Spell(began, began + lasted * SECOND),))


@pytest.mark.parametrize(
    ("ago", "lasted", "counts"),
    [(20, 5, True), (40, 5, False), (40, 9.9, False), (40, 10, True), (3000, 60, True), (3700, 60, False)],
)
def test_what_cleared_within_ten_seconds_counts_in_the_short_window_only(
    ago: float, lasted: float, *, counts: bool
) -> None:
    blips = [cleared(f"h{n}", ago, lasted) for n in (1, 2)]
    third = dead("h3", ago=min(ago, 25) * SECOND)
    assert found(fleet(host("h1"), host("h2"), third, *blips)) is counts


def test_a_host_that_flaps_counts_once() -> None:
    spells = tuple(Spell(NOON - n * SECOND, NOON - (n - 1) * SECOND) for n in (20, 15, 10))
    assert not found(fleet(dead("h1"), host("h2"), Suspicion("h2", spells)))


def test_a_noisy_fleet_expects_more_but_is_never_blind() -> None:
    calm, noisy = fleet(), fleet(BaseRate(NOON, brief=1e6, lasting=1e6, host_seconds=1.0))
    hour = timedelta(hours=1)
    assert rate_of(noisy, hour) == pytest.approx(10 * rate_of(calm, hour))
    assert rate_of(calm, 30 * SECOND) > rate_of(calm, hour)


def test_the_fleets_own_rate_is_learnt_and_forgotten_by_and_by() -> None:
    day = timedelta(days=1)
    quiet = BaseRate(NOON)
    for n in range(1, 15):
        quiet = quiet.noted(Spell(NOON, NOON + MINUTE), hosts=1000, now=NOON + n * day)
    # A lasting suspicion a day among a thousand hosts is far less than was believed of a fleet unknown.
    assert quiet.per_host_second(blips=False) < BaseRate(NOON).per_host_second(blips=False) / 50
    assert quiet.lasting < 14


def test_racks_of_two_regions_may_share_a_name() -> None:
    here = [dead("h1"), dead("h2"), host("h3")]
    there = [dead("f1", region="fra"), host("f2", region="fra"), host("f3", region="fra")]
    assert not found(fleet(*here, *there))
    assert key_of(here[0], "rack") != key_of(there[0], "rack")


def test_who_is_heard_by_some_only_is_in_doubt_too() -> None:
    parted = [host(f"h{n}") for n in (1, 2, 3)]
    told = [verdict(f"h{n}", VerdictKind.PARTITIONED) for n in (1, 2, 3)]
    assert found(fleet(*parted, *told))
    assert not found(fleet(*parted, *(replace(each, kind=VerdictKind.AGENT_GONE) for each in told)))
    # One vantage that hears nobody is at fault itself.
    assert not found(fleet(*parted, *(replace(each, silent=1) for each in told)))


def test_what_an_incident_of_the_past_explained_is_not_counted_again() -> None:
    lost = [dead(f"h{n}", ago=MINUTE) for n in (1, 2, 3)]
    over = Incident("i", "rack", "r1", NOON - MINUTE, ("h1", "h2", "h3"), IncidentStage.CLOSED, NOON - SECOND)
    assert not found(fleet(*lost, incidents={"i": over}))
    again = [replace(each, since=NOON) for each in lost]
    assert found(fleet(*again, incidents={"i": over}))


labels = st.sampled_from(["r1", "r2", "r3"])


@given(st.lists(st.tuples(labels, st.integers(0, 3600), st.booleans()), min_size=1, max_size=30))
def test_one_more_suspect_never_makes_an_incident_less(drawn: list[tuple[str, int, bool]]) -> None:
    """Of the same size and windows, whoever falls besides only adds."""

    def fleet_of(lost: int) -> Fleet:
        hosts: list[Host] = []
        for number, (rack, ago, _) in enumerate(drawn):
            change: dict[str, Any] = {"life": Life.DEAD, "since": NOON - ago * SECOND, "died_at": NOON - ago * SECOND}
            hosts.append(host(f"h{number}", rack, **(change if number < lost else {})))
        return fleet(*hosts)

    before = [cohort(Index(fleet_of(n), NOON), RULE, RACK) for n in range(len(drawn) + 1)]
    counts = [each.count if each and each.incident else 0 for each in before]
    assert counts == sorted(counts)
