"""Turns by the clock alone: each job once in an interval, spread over it, none made up for."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probe.schedule import Ring, phase


@dataclass(frozen=True)
class Named:
    key: str


def ring(count: int, interval: float = 1.0, position: float = 0.0) -> Ring[Named]:
    return Ring(interval, "p", [Named(f"h{number}") for number in range(count)], position)


def begun(one: Ring[Named], now: float, most: int = 10**6) -> list[str]:
    return [job.key for job, _ in one.due(now, most)]


def test_each_job_once_in_an_interval_and_not_at_once() -> None:
    one = ring(1000)
    seen = [begun(one, step / 100) for step in range(101)]
    assert sorted(key for keys in seen for key in keys) == sorted(f"h{number}" for number in range(1000))
    assert max(len(keys) for keys in seen) < 40
    assert one.take_skipped() == 0


def test_a_jobs_turn_is_the_same_in_every_interval() -> None:
    one = ring(10)
    first = {job.key: planned for step in range(100) for job, planned in one.due(step / 100, 100)}
    second = {job.key: planned for step in range(100, 200) for job, planned in one.due(step / 100, 100)}
    assert {key: pytest.approx(planned + 1) for key, planned in first.items()} == second


def test_what_is_late_is_passed_over_and_counted() -> None:
    one = ring(1000)
    late = begun(one, 0.9999)
    assert 200 < len(late) < 300
    assert one.take_skipped() == 1000 - len(late)
    assert one.take_skipped() == 0


def test_a_long_pause_is_counted_and_not_made_up_for() -> None:
    one = ring(100)
    assert len(begun(one, 1_000_000.0)) <= 100
    assert one.take_skipped() == pytest.approx(100_000_000, rel=1e-5)
    assert one.next_due() > 1_000_000.0


def test_no_more_than_asked_for_at_one_go() -> None:
    one = ring(100)
    assert len(begun(one, 0.2, most=5)) == 5
    assert begun(one, 0.2, most=5) != begun(one, 0.2, most=5)


def test_without_jobs_nothing_is_ever_due() -> None:
    one = ring(0)
    assert one.next_due() == float("inf")
    assert begun(one, 5.0) == []
    assert one.position(5.0) == 5.0


def test_a_ring_that_replaces_another_gives_nobody_a_second_turn() -> None:
    one = ring(500)
    first = begun(one, 0.2) + begun(one, 0.4)
    other = ring(500, position=one.position(0.4))
    assert begun(other, 0.4) == []
    rest = [key for now in (0.6, 0.8, 0.999) for key in begun(other, now)]
    assert sorted(first + rest) == sorted(f"h{number}" for number in range(500))


def test_vantages_have_turns_of_their_own() -> None:
    assert phase("p1", "h1") == phase("p1", "h1") != phase("p2", "h1")


@given(
    steps=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=30),
    interval=st.sampled_from([0.05, 0.3, 1.0, 60.0]),
    count=st.integers(0, 20),
)
def test_every_turn_is_begun_or_counted(steps: list[float], interval: float, count: int) -> None:
    one, now, turns = ring(count, interval), 0.0, 0
    for step in steps:
        now += step
        for _job, planned in one.due(now, 10**6):
            assert now - max(0.25 * interval, 0.05) <= planned + 1e-9 <= now + 2e-9
            turns += 1
    # Each job's turns are as many as intervals have begun, but for the one that may be under way.
    assert abs(turns + one.take_skipped() - count * now / interval) <= count
