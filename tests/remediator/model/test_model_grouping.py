"""Counts and groups that are made once are what counting anew would give."""

from collections import Counter
from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import given

from remediator.model.grouping import Tallied
from remediator.model.layered import Layered

NAMES = st.sampled_from([f"h{number}" for number in range(8)])
COLOURS = st.none() | st.integers(0, 2)


@dataclass(frozen=True, slots=True)
class Thing:
    colour: int | None


@given(st.dictionaries(NAMES, COLOURS), st.lists(st.dictionaries(NAMES, st.none() | st.builds(Thing, COLOURS))))
def test_a_tally_is_what_counting_anew_gives(
    base: dict[str, int | None], steps: list[dict[str, Thing | None]]
) -> None:
    tally: Tallied[Thing] = Tallied(lambda thing: thing.colour)
    things = Layered({name: Thing(colour) for name, colour in base.items()})
    looks = [things, *((things := things.with_changes(changes)) for changes in steps)]
    # Back and forth: a look that was overlaid is followed by the one without.
    for each in (*looks, *reversed(looks)):
        anew = Counter(thing.colour for thing in each.values() if thing.colour is not None)
        assert +tally.of(each) == anew
