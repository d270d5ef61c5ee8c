"""What every journal owes, durable or not: one suite for all of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from remediator.journal import codec
from remediator.journal.codec import KINDS
from remediator.journal.heads import Told
from remediator.journal.kept import Kept, kept_in
from remediator.journal.memory import MemoryJournal
from remediator.journal.postgres.journal import PostgresJournal
from remediator.journal.postgres.kept import kept_at
from remediator.journal.postgres.place import PostgresPlace
from remediator.journal.protocol import Conflict, Entry, Journal, JournalUnusable, Row
from remediator.journal.sqlite import SqliteJournal
from remediator.journal.verify import Report, verify
from remediator.model.machine import Machine
from remediator.model.request import Origin
from tests.remediator.builders import NOON, SECOND, host
from tests.remediator.journal.contract_rows import VALUES

KEY = SigningKey(bytes(32))
_SHARDS = count(1)


class Book:
    """A journal of one kind, and the way to look at what it kept."""

    def __init__(self, kind: str, folder: Path, request: pytest.FixtureRequest) -> None:
        self.folder = folder
        self.place = PostgresPlace("")
        self.journal: Journal = self._made(kind, request)

    def _made(self, kind: str, request: pytest.FixtureRequest) -> Journal:
        match kind:
            case "memory":
                return MemoryJournal(KEY)
            case "sqlite":
                return SqliteJournal(self.folder, lambda: KEY)
            case _:
                self.place = request.getfixturevalue("postgres_server").place()
                return PostgresJournal(self.place, f"shard{next(_SHARDS)}", KEY, alone=True)

    def kept(self) -> AbstractContextManager[Kept]:
        if isinstance(self.journal, MemoryJournal):
            return nullcontext(self.journal)
        if isinstance(self.journal, SqliteJournal):
            return kept_in(self.folder)
        return kept_at(self.place, self.journal.shard)

    def verified(self, told: Told | None = None) -> Report:
        with self.kept() as kept:
            return verify(kept, [KEY.verify_key], told)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.store)])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    made = Book(request.param, tmp_path, request)
    yield made
    made.journal.close()


@pytest.fixture
def journal(book: Book) -> Journal:
    return book.journal


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


def written(journal: Journal) -> None:
    """Three commits: rows that come, change and go, and entries about them."""
    journal.commit([Row("Host", "h1", 0, host()), Row("Host", "h2", 0, host("h2"))], [entry("1", at=NOON)])
    journal.commit([Row("Host", "h1", 1, host(epoch=2)), Row("Host", "h2", 1, None)], [])
    journal.commit([Row("Host", "h2", 0, host("h2", epoch=9))], [entry("2", at=NOON + SECOND), entry("3", "host")])


def test_each_commit_is_one_more_of_a_chain_that_holds(book: Book) -> None:
    assert book.verified().whole
    written(book.journal)
    report = book.verified()
    assert (report.findings, report.commits, report.rows) == ([], 3, 2)
    head = book.journal.head()
    assert (head.number, head.last_entry, head.last_change) == (3, 3, 5)
    assert report.head == head


def test_a_commit_of_nothing_is_none(book: Book) -> None:
    book.journal.commit([], [])
    assert book.journal.head().number == 0


def test_a_conflict_leaves_the_chain_as_it_was(book: Book) -> None:
    written(book.journal)
    before = book.journal.head()
    with pytest.raises(Conflict):
        book.journal.commit([Row("Host", "h1", 1, host())], [entry("never")])
    assert book.journal.head() == before
    book.journal.commit([], [entry("after")])
    assert book.verified().findings == []


def test_replaying_the_changes_gives_the_rows(book: Book) -> None:
    for number, kind in enumerate(sorted(KINDS)):
        book.journal.commit([Row(kind, f"x{number}", 0, VALUES[kind])], [])
    written(book.journal)
    fold = book.verified().fold
    rows = [
        (kind.encode(), identifier.encode(), stored.version, codec.history_form(kind, codec.encode(stored.value)))
        for kind, found in book.journal.rows().items()
        for identifier, stored in found.items()
    ]
    assert sorted(rows) == sorted((*key, *value) for key, value in fold.items())


def test_history_keeps_sealed_configs_as_their_digest_alone(book: Book) -> None:
    machine: Machine = VALUES["Machine"]
    assert machine.sealed is not None
    sealed = replace(machine.sealed, box="c2VhbGVkIGJveA==")
    create = replace(VALUES["Operation"], args={"sealed_config": "c2VhbGVkIGNvbmZpZw==", "app": "web"})
    book.journal.commit(
        [Row("Machine", "m1", 0, replace(machine, sealed=sealed)), Row("Operation", "k", 0, create)], []
    )
    assert book.journal.rows()["Machine"]["m1"].value.sealed == sealed
    with book.kept() as kept:
        history = b"".join(change.body or b"" for change in kept.changes())
    assert b"c2VhbGVk" not in history
    assert history.count(b'"sha256:') == 2
    assert book.verified().whole


def test_a_head_is_signed_and_must_be_on_the_chain(book: Book) -> None:
    written(book.journal)
    shard, head = book.journal.shard, book.journal.head()
    told = Told(shard, head.number, head.hash, head.signature)
    assert book.verified(told).whole
    book.journal.commit([], [entry("later")])
    assert book.verified(told).whole
    assert book.verified(replace(told, hash=bytes(32))).findings == [
        "commit 3: is another one than the exported head names",
        "exported head: commit 3 is not signed by this key",
    ]
    ahead = book.verified(replace(told, number=9)).findings[-1]
    assert ahead == "exported head: names commit 9, the journal ends at commit 4: cut off, or an older copy"
    with book.kept() as kept:
        strange = verify(kept, [SigningKey(b"x" * 32).verify_key]).findings
    assert strange == ["snapshot at commit 0: is not signed by this key", "commit 4: is not signed by this key"]


def test_what_is_old_is_pruned_behind_a_snapshot_and_the_rest_still_verifies(book: Book) -> None:
    journal = book.journal
    told = [Row("Host", f"h{number}", 0, host(f"h{number}")) for number in range(3)]
    body = {"kind": "Host", "new": True, "row": {"region": "arn"}}
    for day, row in enumerate(told):
        at = NOON + timedelta(days=day)
        journal.commit([row], [Entry(at, "row", "", row.id, body), entry(str(day), at=at)])
    journal.commit([Row("Host", "h0", 1, None)], [Entry(NOON, "row", "", "h0", {"kind": "Host", "gone": True})])
    rows, counted = journal.rows(), journal.count()
    assert journal.prune(NOON - SECOND, 100) == 0
    assert journal.prune(NOON + timedelta(days=1, hours=1), 1) == 1
    assert book.verified().findings == []
    assert journal.prune(NOON + timedelta(days=1, hours=1), 100) == 1
    report = book.verified()
    assert (report.findings, report.since.number, report.commits) == ([], 2, 2)
    assert told_of(journal) == ["2"]
    assert (journal.rows(), journal.count()) == (rows, counted)
    with book.kept() as kept:
        standing = sorted(member.id for member in kept.base() if member.kind == b"entry/row")
    assert standing == [b"h0", b"h1"]
    journal.commit([], [entry("new", at=NOON + timedelta(days=9))])
    assert book.verified().whole


def told_of(journal: Journal) -> list[Any]:
    return told(journal.entries("decision", 100))


def test_what_was_changed_is_not_pruned_for_it_would_be_signed(tmp_path: Path) -> None:
    for statement in (
        "UPDATE entries SET subject = 'h9' WHERE seq = 1",
        "UPDATE changes SET body = NULL WHERE seq = 1",
    ):
        folder = tmp_path / str(len(statement))
        with closing(SqliteJournal(folder, lambda: KEY)) as journal:
            written(journal)
            with closing(sqlite3.connect(folder / "journal.db")) as db, db:
                db.execute(statement)
            with pytest.raises(
                JournalUnusable, match="what follows commit 0 is not what was written: nothing is pruned"
            ):
                journal.prune(NOON + timedelta(days=999), 100)
            journal.commit([], [entry("goes on")])
        with kept_in(folder) as kept:
            assert (kept.horizon().head.number, verify(kept).whole) == (0, False)


def test_the_newest_commit_is_never_pruned(book: Book) -> None:
    written(book.journal)
    assert book.journal.prune(NOON + timedelta(days=999), 100) == 2
    assert book.journal.prune(NOON + timedelta(days=999), 100) == 0
    assert book.verified().findings == []
    assert book.journal.head().number == 3


def test_many_rows_in_one_commit(book: Book) -> None:
    rows = [Row("Host", f"h{number}", 0, host(f"h{number}")) for number in range(700)]
    book.journal.commit(rows, [entry(str(number)) for number in range(700)])
    book.journal.commit([replace(row, version=1, value=None) for row in rows[::2]], [])
    assert len(book.journal.rows()["Host"]) == 350
    assert book.verified().findings == []
