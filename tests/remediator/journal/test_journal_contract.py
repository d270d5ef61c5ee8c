"""What every journal owes, durable or not: one suite for all of them."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator.journal.codec import KINDS
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Conflict, Entry, Journal, Row
from remediator.journal.sqlite import SqliteJournal
from remediator.model.request import Origin
from tests.remediator.builders import NOON, SECOND, host
from tests.remediator.journal.contract_rows import VALUES

MAKERS: dict[str, Callable[[Path], Journal]] = {"memory": lambda folder: MemoryJournal(), "sqlite": SqliteJournal}


@pytest.fixture(params=sorted(MAKERS))
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def entry(text: str, kind: str = "decision", subject: str = "h1", at: datetime = NOON) -> Entry:
    return Entry(at, kind, f"id-{text}", subject, {"text": text})


def told(found: list[Entry]) -> list[Any]:
    return [each.body["text"] for each in found]


def test_a_new_journal_has_every_kind_and_nothing_in_it(journal: Journal) -> None:
    assert journal.rows() == {kind: {} for kind in KINDS}
    assert journal.count() == 0


def test_a_sample_of_every_kind_is_at_hand() -> None:
    assert set(VALUES) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_field_of_every_kind_comes_back(journal: Journal, kind: str) -> None:
    value = VALUES[kind]
    journal.commit([Row(kind, "x", 0, value)], [])
    stored = journal.rows()[kind]["x"]
    assert (stored.version, stored.value) == (1, value)
    assert all(type(getattr(stored.value, f.name)) is type(getattr(value, f.name)) for f in fields(value))


def test_versions_count_and_the_newest_value_stands(journal: Journal) -> None:
    for version, epoch in enumerate((5, 6, 7)):
        journal.commit([Row("Host", "h1", version, host(epoch=epoch))], [])
    stored = journal.rows()["Host"]["h1"]
    assert (stored.version, stored.value.epoch) == (3, 7)


def test_rows_and_entries_are_written_together(journal: Journal) -> None:
    journal.commit([Row("Host", "h1", 0, host()), Row("Host", "h2", 0, host("h2"))], [entry("a"), entry("b")])
    assert set(journal.rows()["Host"]) == {"h1", "h2"}
    assert journal.count() == 2


@pytest.mark.parametrize(
    "stale",
    [
        Row("Host", "h1", 0, host(epoch=9)),
        Row("Host", "h1", 2, host(epoch=9)),
        Row("Host", "h1", 7, None),
        Row("Host", "h2", 1, host("h2")),
        Row("Host", "h2", 1, None),
        Row("Host", "h2", 0, None),
    ],
)
def test_a_conflict_writes_nothing_at_all(journal: Journal, stale: Row) -> None:
    journal.commit([Row("Host", "h1", 0, host(epoch=1))], [])
    with pytest.raises(Conflict, match=f"Host {stale.id}"):
        journal.commit([Row("Term", "t", 0, VALUES["Term"]), stale], [entry("never")])
    found = journal.rows()
    assert (found["Host"]["h1"].value.epoch, found["Term"], journal.count()) == (1, {}, 0)
    journal.commit([Row("Host", "h1", 1, host(epoch=2))], [entry("after")])
    assert (journal.rows()["Host"]["h1"].value.epoch, journal.count()) == (2, 1)


def test_what_cannot_be_written_leaves_the_journal_usable(journal: Journal) -> None:
    with pytest.raises(TypeError):
        journal.commit([Row("Host", "h1", 0, host()), Row("Host", "h2", 0, object())], [])
    assert journal.rows()["Host"] == {}
    journal.commit([Row("Host", "h1", 0, host())], [])
    assert set(journal.rows()["Host"]) == {"h1"}


def test_a_deleted_row_is_gone_and_may_be_made_again(journal: Journal) -> None:
    journal.commit([Row("Host", "h1", 0, host()), Row("Host", "h10", 0, host("h10"))], [])
    journal.commit([Row("Host", "h1", 1, None)], [])
    assert set(journal.rows()["Host"]) == {"h10"}
    journal.commit([Row("Host", "h1", 0, host(epoch=4))], [])
    assert journal.rows()["Host"]["h1"].version == 1


def test_entries_come_newest_first_and_no_more_than_asked(journal: Journal) -> None:
    journal.commit([], [entry("1"), entry("2")])
    journal.commit([], [entry("3", at=NOON - SECOND), entry("host", kind="host")])
    assert told(journal.entries("decision", 10)) == ["3", "2", "1"]
    assert told(journal.entries("decision", 2)) == ["3", "2"]
    assert told(journal.entries("host", 10)) == ["host"]


def test_entries_are_found_by_id_and_by_subject_as_a_whole(journal: Journal) -> None:
    journal.commit([], [entry("1", subject="h1"), entry("10", subject="h10")])
    assert told(journal.entries("decision", 9, subject="h1")) == ["1"]
    assert told(journal.entries("decision", 9, identifier="id-10")) == ["10"]
    assert journal.entries("decision", 9, identifier="id-1", subject="h10") == []


def test_an_entry_comes_back_as_plain_json(journal: Journal) -> None:
    at = NOON + timedelta(microseconds=3)
    body = {"origin": Origin.OWNER, "at": NOON, "names": ("a", "b"), "deep": {"n": None}}
    journal.commit([], [Entry(at, "host", "", "h1", body)])
    (found,) = journal.entries("host", 1)
    assert (found.at, found.id, found.subject) == (at, "", "h1")
    assert found.body == {"origin": "owner", "at": "2026-08-01T12:00:00Z", "names": ["a", "b"], "deep": {"n": None}}
    assert type(found.body["origin"]) is str
