"""A journal of the version before becomes one of ours, whatever kills us in it; versions read each other's rows."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.signing import SigningKey

from remediator.journal.codec import KINDS
from remediator.journal.kept import kept_in
from remediator.journal.protocol import Entry, JournalUnusable, Row
from remediator.journal.reading import reading
from remediator.journal.sqlite import SqliteJournal
from remediator.journal.verify import verify
from tests.remediator.builders import NOON, host, machine
from tests.remediator.journal.kill import killed_after, measured

KEY = SigningKey(bytes(32))
FIRST = (Path(__file__).parent / "schema_1.sql").read_text()
# What a row had to have then; a field that came later has a default.
REQUIRED = {
    "Burst": {"id", "region", "hosts", "size", "asked_at", "demands"},
    "Demand": {"key", "app", "region", "size", "count", "first_asked", "last_asked"},
    "Destroy": {"machine", "app", "host", "origin", "reason", "asked_at"},
    "Enrolment": {"name", "kind", "region", "rack", "at"},
    "Host": {"name", "region", "rack", "since", "status_since"},
    "JoinToken": {"token_hash", "name", "expires_at"},
    "KeptAlert": {"rule", "fingerprint", "name", "labels", "state", "active_at", "value"},
    "Machine": {"id", "app", "name", "region", "host", "instance_id", "created_at", "updated_at"},
    "Migration": {"id", "machine", "app", "source", "target", "asked_at", "reason"},
    "Operation": {"key", "verb", "host", "args", "origin", "written_at"},
    "ReceivedAlert": {"fingerprint", "labels", "starts_at", "ends_at", "heard_at", "sender", "teller"},
    "Remediation": {"playbook", "target", "opened_at"},
    "SentAlert": {"fingerprint", "fired_at"},
    "Snapshot": {"id", "volume", "app", "created_at", "size_bytes", "digest"},
    "Term": {"incarnation", "number", "began"},
    "Volume": {"id", "app", "name", "region", "host", "size_mb", "created_at"},
}
HOSTS, ENTRIES = 300, 2500


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal of schema 1; of its entries one was lost, as no version of ours would."""
    folder = tmp_path_factory.mktemp("first")
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        db.executescript(FIRST)
        db.executescript("PRAGMA journal_mode = WAL; DELETE FROM rows; DELETE FROM entries;")
        hosts = [("Host", f"h{n}", 3, msgspec.json.encode(host(f"h{n}"))) for n in range(HOSTS)]
        sealed = ("Machine", "m1", 1, msgspec.json.encode(machine("m1")))
        later = ("Kindness", "k1", 1, b'{"of":"a later version"}')
        with db:
            db.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", [*hosts, sealed, later])
            told = [(NOON.isoformat(), "host", f"e{n}", f"h{n % HOSTS}", b'{"n":%d}' % n) for n in range(ENTRIES + 1)]
            db.executemany("INSERT INTO entries (at, kind, id, subject, body) VALUES (?, ?, ?, ?, ?)", told)
            db.execute("DELETE FROM entries WHERE id = 'e1199'")
    return folder


@pytest.fixture
def folder(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first, tmp_path / "data"))


def check_second(folder: Path) -> None:
    with closing(SqliteJournal(folder, lambda: KEY)) as journal:
        rows = journal.rows()
        assert journal.count() == ENTRIES
        assert len(rows["Host"]) == HOSTS
        assert (rows["Host"]["h7"].version, rows["Host"]["h7"].value) == (3, host("h7"))
        assert rows["Machine"]["m1"].value == machine("m1")
        assert {entry.id for entry in journal.entries("host", 9999)} == {f"e{n}" for n in range(ENTRIES + 1)} - {
            "e1199"
        }
        before = journal.head()
        journal.commit([Row("Host", "h7", 3, host("h7", epoch=9))], [Entry(NOON, "host", "new", "h7", {})])
        assert journal.head().number == before.number + 1 == ENTRIES // 1000 + 2
    with kept_in(folder) as kept:
        report = verify(kept, [KEY.verify_key])
    assert (report.findings, report.rows) == ([], HOSTS + 2)


def test_the_chain_begins_at_the_upgrade_and_covers_what_was_there(folder: Path) -> None:
    check_second(folder)


@pytest.mark.slow
def test_kill_9_within_the_upgrade_leaves_the_one_or_the_other(first: Path, tmp_path: Path) -> None:
    def upgrade(folder: Path) -> None:
        SqliteJournal(folder, lambda: KEY).close()

    whole = measured(lambda: upgrade(Path(shutil.copytree(first, tmp_path / "measured"))))
    found = set()
    for step in range(1, 16):
        folder = Path(shutil.copytree(first, tmp_path / f"killed{step}"))
        killed_after(whole * step / 14, upgrade, folder)
        with closing(sqlite3.connect(folder / "journal.db")) as db:
            found.add(db.execute("PRAGMA user_version").fetchone()[0])
        check_second(folder)
    assert 1 in found


def test_a_journal_of_the_version_before_can_be_read_before_it_is_upgraded(folder: Path) -> None:
    with reading(folder) as journal:
        assert journal.begins() is None
        assert len(list(journal.last_before("host", NOON))) == HOSTS


def test_every_row_that_the_version_before_wrote_is_read_whole(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.executescript(FIRST)
        written = dict(db.execute("SELECT kind, body FROM rows"))
    assert set(written) == set(REQUIRED)
    with closing(SqliteJournal(tmp_path)) as journal:
        rows = journal.rows()
    for kind, body in written.items():
        then = msgspec.json.decode(body)
        now = msgspec.json.decode(msgspec.json.encode(rows[kind]["x"].value))
        assert _as_it_was(now, then) == then, kind


def _as_it_was(now: Any, then: Any) -> Any:
    """Without what came later, at every depth."""
    if isinstance(then, dict):
        return {name: _as_it_was(now[name], then[name]) for name in then}
    if isinstance(then, list) and len(now) == len(then):
        return [_as_it_was(*pair) for pair in zip(now, then, strict=True)]
    return now


@pytest.mark.parametrize("kind", sorted(REQUIRED))
def test_a_row_may_lack_what_came_later(kind: str) -> None:
    needed = {
        each.name for each in fields(KINDS[kind]) if each.default is MISSING and each.default_factory is MISSING
    }
    assert needed <= REQUIRED[kind]


def put(folder: Path, kind: str, body: bytes) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute("INSERT INTO rows VALUES (?, 'x', 1, ?)", (kind, body))


def test_rows_of_the_version_before_take_defaults_for_what_they_do_not_have(tmp_path: Path) -> None:
    SqliteJournal(tmp_path).close()
    # What version 0.1.0 kept of an incarnation.
    put(tmp_path, "Term", b'{"incarnation":"i","number":4,"began":"2026-08-01T12:00:00Z"}')
    with closing(SqliteJournal(tmp_path)) as journal:
        term = journal.rows()["Term"]["x"].value
    assert (term.number, term.seen) == (4, None)


def test_rows_of_the_version_after_are_read_without_what_we_do_not_know(tmp_path: Path) -> None:
    SqliteJournal(tmp_path).close()
    put(tmp_path, "Term", b'{"incarnation":"i","number":4,"began":"2026-08-01T12:00:00Z","mood":{"good":true}}')
    put(tmp_path, "Mood", b'{"good":true}')
    with closing(SqliteJournal(tmp_path)) as journal:
        assert journal.rows()["Term"]["x"].value.number == 4
        journal.commit([Row("Host", "h1", 0, host())], [])
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        assert db.execute("SELECT body FROM rows WHERE kind = 'Mood'").fetchone() == (b'{"good":true}',)


def test_a_row_that_cannot_be_read_is_named_in_one_line(tmp_path: Path) -> None:
    SqliteJournal(tmp_path).close()
    put(tmp_path, "Term", b'{"incarnation":"i"}')
    with closing(SqliteJournal(tmp_path)) as journal, pytest.raises(JournalUnusable) as refused:
        journal.rows()
    assert str(refused.value).startswith("journal: row Term x cannot be read: Object missing required field `number`")
