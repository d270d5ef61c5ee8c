"""The page of invariants: all twenty-two, and every test that it names is there."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "invariants.md").read_text()
LINES = re.findall(r"^\| (\d+) \| (.+?) \| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)


@cache
def defined() -> dict[str, str]:
    """Every test of the tree and what stands just before it."""
    found: dict[str, str] = {}
    for file in (ROOT / "tests").rglob("test_*.py"):
        pieces = re.split(r"^(?:async )?def (test_\w+)", file.read_text(), flags=re.MULTILINE)
        found |= dict(zip(pieces[1::2], pieces[::2], strict=False))
    return found


def test_all_are_there_in_order() -> None:
    assert [int(number) for number, *_ in LINES] == list(range(1, 23))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_each_has_a_property_and_an_example(line: tuple[str, str, str, str]) -> None:
    _, _, searched, example = line
    before = defined()[searched].rsplit("\n\n\n", maxsplit=1)[-1]
    assert "@given" in before or searched == "test_whatever_dies_what_was_promised_holds"
    assert example in defined()
    assert example != searched
