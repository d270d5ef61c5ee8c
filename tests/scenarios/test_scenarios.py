"""Every story against its golden log: what was said and done, moment by moment, what it came to, and why not."""

from pathlib import Path

import pytest

from remediator.commands.simulate_runs import book_of
from remediator.simulate.world.golden import EXPECT, STORY, broken_bounds, differences, folders_in, log_of
from remediator.simulate.world.play import play
from remediator.simulate.world.schema import KINDS
from remediator.simulate.world.score import score
from remediator.simulate.world.story import read_story
from remediator.simulation.ours import Book
from tests.scenarios.explaining import Explaining

HERE = Path(__file__).parent
RULES = HERE.parents[1]
FOLDERS = folders_in(HERE)
# Larger fleets and longer stories take longer than the fast part may.
SLOW_FROM, SLOW_AFTER = 10, 120


@pytest.fixture(scope="module")
def book() -> Book:
    return book_of(RULES)


def _params() -> list[object]:
    found: list[object] = []
    for folder in FOLDERS:
        story = read_story(folder / STORY)
        slow = len(story.topology.places) >= SLOW_FROM or story.seconds > SLOW_AFTER
        found.append(pytest.param(folder, id=folder.name, marks=pytest.mark.slow if slow else ()))
    return found


@pytest.mark.parametrize("folder", _params())
def test_story_goes_as_its_golden_log_says(folder: Path, book: Book) -> None:
    story = read_story(folder / STORY)
    unexplained: list[str] = []
    run = play(story, lambda setting: Explaining(setting, book, unexplained))
    scored = score(run)
    assert unexplained == []
    assert (folder / EXPECT).exists(), "no golden log: fleetmend simulate STORY --update"
    assert not broken_bounds(story, scored)
    assert not scored.wrong_kills
    assert differences(folder, log_of(run, scored)) == []


def test_every_incident_of_the_reference_has_a_story() -> None:
    named = {folder.name.split("_")[0] for folder in FOLDERS}
    assert {f"i{number:02}" for number in range(1, 16)} <= named


def test_there_are_sixty_stories_besides() -> None:
    assert len([folder for folder in FOLDERS if not folder.name.startswith("i")]) >= 60


def test_every_fault_of_the_language_is_in_a_story() -> None:
    played = {fault.kind for folder in FOLDERS for fault in read_story(folder / STORY).faults}
    assert played == set(KINDS)
