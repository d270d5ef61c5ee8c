"""docs/machines-api.md: every operation of the public specification is in its table, and what it says is true."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from remediator.api.elsewhere import NOT_OURS
from tests.conformance.served import paths_of, public_app
from tests.conformance.specification import operations, plain, read_specification

PAGE = Path(__file__).parents[2] / "docs/machines-api.md"
_ROW = re.compile(r"^\| (\w+) \| `([A-Z]+) (/v1/\S+)` \| (implemented|partly|not)(?: \((.+)\))? \|$", re.MULTILINE)


class Row(NamedTuple):
    name: str
    method: str
    path: str
    state: str
    why: str

    @property
    def key(self) -> tuple[str, str]:
        return self.method, plain(self.path)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [Row(*found) for found in _ROW.findall(PAGE.read_text())]


def test_every_operation_has_one_row_in_the_specifications_order(rows: list[Row]) -> None:
    known = operations(read_specification())
    assert [(row.name, row.method, row.path) for row in rows] == [tuple(each) for each in known]


def test_what_is_implemented_is_served_and_what_is_not_says_why(rows: list[Row]) -> None:
    served = {(method, plain(path)) for method, path in paths_of(public_app())}
    elsewhere = {(method, plain(path)): why for (method, path), why in NOT_OURS.items()}
    assert rows
    for row in rows:
        assert row.key in served, row
        assert (row.state == "not") == (row.key in elsewhere), row
        assert row.why == elsewhere.get(row.key, row.why), row
        assert bool(row.why) == (row.state != "implemented"), row


def test_what_is_anothers_is_an_operation_of_the_specification() -> None:
    known = {each.key for each in operations(read_specification())}
    assert {(method, plain(path)) for method, path in NOT_OURS} <= known


def test_the_counts_above_the_table_are_right(rows: list[Row]) -> None:
    counts = [sum(row.state == state for row in rows) for state in ("implemented", "partly", "not")]
    told = re.search(r"has (\d+) operations\. (\d+) are implemented, (\d+) in part, (\d+) are", PAGE.read_text())
    assert told is not None
    assert [int(number) for number in told.groups()] == [len(rows), *counts]
