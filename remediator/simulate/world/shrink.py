"""A failing story made small: fewer faults and wishes, as long as it still fails."""

from collections.abc import Callable
from dataclasses import replace

from remediator.simulate.world.story import Story

Fails = Callable[[Story], bool]


def shrunk(story: Story, fails: Fails, tries: int = 60) -> Story:
    """A story that still fails and of which no single fault or wish can be left out, or the best within ``tries``."""
    left = tries
    small = story
    for size in _sizes(len(story.faults) + len(story.wishes)):
        index = 0
        while index < len(small.faults) + len(small.wishes) and left > 0:
            candidate = _without(small, index, size)
            left -= 1
            if fails(candidate):
                small = candidate
            else:
                index += size
    return small


def _sizes(count: int) -> list[int]:
    """Halves, quarters, … single ones."""
    sizes = []
    while count > 1:
        count = (count + 1) // 2
        sizes.append(count)
    return sizes or [1]


def _without(story: Story, index: int, size: int) -> Story:
    gone = range(index, index + size)
    faults = tuple(each for number, each in enumerate(story.faults) if number not in gone)
    base = len(story.faults)
    wishes = tuple(each for number, each in enumerate(story.wishes) if base + number not in gone)
    return replace(story, faults=faults, wishes=wishes)
