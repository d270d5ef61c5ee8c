"""How a story becomes steps on real processes, and what of two accounts of it counts as the same."""

from functools import cache
from pathlib import Path

import pytest

from remediator.commands.simulate_runs import book_of
from remediator.model.errors import BadInput
from remediator.simulate.world.play import play
from remediator.simulate.world.record import Run
from remediator.simulate.world.story import Story
from remediator.simulation.ours import Book, builder
from scripts.story.plays.events import Event, differences, expected
from scripts.story.plays.main import CHOSEN
from scripts.story.plays.script import load_story, steps_of, unplayable

ROOT = Path(__file__).parents[2]
STORIES = ROOT / "tests" / "scenarios"


@cache
def book() -> Book:
    return book_of(ROOT)


def run_of(story: Story) -> Run:
    return play(story, builder(book()))


def steps(name: str) -> list[tuple[float, str]]:
    story, _ = load_story(STORIES / name)
    return [(step.at, step.what) for step in steps_of(story, run_of(story))]


def said(*words: str, together: bool = False) -> list[Event]:
    return [Event(0.0 if together else float(number), "h1", word) for number, word in enumerate(words)]


def test_the_order_counts_and_the_moment_does_not() -> None:
    assert differences(said("a", "b"), [Event(9.0, "h1", "a"), Event(50.0, "h1", "b")]) == []
    (told,) = differences(said("a", "b"), said("b", "a"))
    assert told == "h1: expected [a; b], seen [b; a]"


@pytest.mark.parametrize("seen", [("a",), ("a", "b", "c"), ("a", "a")])
def test_what_is_missing_or_too_much_is_told(seen: tuple[str, ...]) -> None:
    assert len(differences(said("a", "b"), said(*seen))) == 1


def test_what_a_story_has_in_one_moment_comes_in_any_order() -> None:
    assert differences(said("a", "b", together=True), said("b", "a")) == []
    assert len(differences(said("a", "b", together=True), said("b", "c"))) == 1
    # So is one commit of the real fleet.
    assert differences(said("a", "b"), said("b", "a", together=True)) == []
    assert len(differences(said("a", "b"), said("b", "c", together=True))) == 1


def test_a_crash_in_the_middle_is_awaited_from_the_fault_before_it_on() -> None:
    assert steps("remediator_dies_after_commit") == [
        (10.0, "fault: power h1"),
        (10.001, "fault: remediator_crash after_commit"),
    ]


def test_a_backup_is_taken_when_the_story_s_was() -> None:
    assert (90.0, "a backup is taken") in steps("journal_restored_after_condemn")


def test_a_large_fleet_is_scaled_down_where_what_is_named_is_still_there() -> None:
    story, scaled = load_story(STORIES / "i13_rack_power_feed")
    assert (scaled, len(story.topology.places)) == (True, 9)
    with pytest.raises(BadInput):
        load_story(STORIES / "budget_of_an_hour")


def test_where_several_fall_at_once_places_are_not_compared() -> None:
    story, _ = load_story(STORIES / "i13_rack_power_feed")
    wanted = expected(run_of(story), story)
    (event,) = wanted.loosely([Event(0.0, "m", "automatic recreate to a1-1 by rack_dead")])
    assert event.what == "automatic recreate to … by rack_dead"
    assert wanted.places(frozenset({("a2-1.1", "a3-3"), ("a1-1.1", "a1-1")})) == {
        ("a2-1.1", "elsewhere"),
        ("a1-1.1", "a1-1"),
    }


def test_what_is_played_by_default_can_be_played() -> None:
    assert len(CHOSEN) >= 10
    assert {name: unplayable(load_story(STORIES / name)[0]) for name in CHOSEN} == {name: [] for name in CHOSEN}
