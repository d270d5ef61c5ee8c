"""A layered mapping is what a dict would be, and what was handed out never changes."""

from collections.abc import Mapping
from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import given

from remediator.model.layered import Layered, picked

KEYS = st.sampled_from([f"k{number}" for number in range(12)])
CHANGES = st.dictionaries(KEYS, st.none() | st.integers(0, 3))


@dataclass(frozen=True, slots=True)
class Thing:
    colour: int


def laid(before: Mapping[str, int], changes: Mapping[str, int | None]) -> dict[str, int]:
    return {key: value for key, value in {**before, **changes}.items() if value is not None}


@given(st.dictionaries(KEYS, st.integers(0, 3)), st.lists(CHANGES, max_size=6))
def test_it_is_what_a_dict_would_be(base: dict[str, int], steps: list[dict[str, int | None]]) -> None:
    plain, layered = dict(base), Layered(base)
    handed_out = []
    for changes in steps:
        handed_out.append((layered, dict(plain)))
        layered, plain = layered.with_changes(changes), laid(plain, changes)
        assert layered == plain
        assert dict(layered.items()) == dict(zip(layered, layered.values(), strict=True)) == plain == layered.copy()
        assert len(layered) == len(plain)
        assert all((key in layered) is (key in plain) for key in [f"k{number}" for number in range(12)])
        assert layered.get("k0", -1) == plain.get("k0", -1)
    for older, was in handed_out:
        assert older == was


@given(st.dictionaries(KEYS, st.integers(0, 3)), CHANGES, CHANGES, st.integers(0, 3))
def test_it_picks_as_a_dict_is_looked_through(
    base: dict[str, int], first: dict[str, int | None], second: dict[str, int | None], colour: int
) -> None:
    layered: Layered[Thing] = Layered({key: Thing(value) for key, value in base.items()})
    for changes in (first, second):
        things = {key: Thing(value) if value is not None else None for key, value in changes.items()}
        before, layered = layered, layered.with_changes(things)
        assert picked(layered, "colour", colour) == picked(dict(layered), "colour", colour)
        assert picked(before, "colour", colour) == picked(dict(before), "colour", colour)


def test_no_change_is_the_very_same_one() -> None:
    layered = Layered({"a": 1})
    assert layered.with_changes({}) is layered


def test_many_changes_are_folded_and_nothing_is_lost() -> None:
    layered: Layered[int] = Layered({str(number): number for number in range(1000)})
    for number in range(2000):
        layered = layered.with_changes({str(number): -number if number % 3 else None})
    assert dict(layered) == {str(number): -number for number in range(2000) if number % 3}
