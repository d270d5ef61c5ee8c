"""Whoever changes one byte of the database is found, with the place; whoever rewrites all of it lacks the key."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from remediator.cli import main
from remediator.journal.heads import FILE, head_doc, rewound, told_before, write_head
from remediator.journal.kept import kept_in
from remediator.journal.protocol import Entry, Row
from remediator.journal.sqlite import SqliteJournal
from remediator.journal.verify import verify
from remediator.wire.keys import key_text, load_signing_key
from tests.remediator.builders import NOON, host, machine
from tests.remediator.journal.contract_rows import VALUES

COLUMNS = {
    "entries": ("seq", "at", "kind", "id", "subject", "body"),
    "changes": ("seq", "kind", "id", "version", "body"),
    "commits": ("number", "at", "term", "last_entry", "last_change", "hash", "signature", "leaves"),
    "rows": ("kind", "id", "version", "body"),
    "base": ("kind", "id", "version", "body"),
    "horizon": ("number", "at", "term", "last_entry", "last_change", "hash", "head_signature", "state", "signature"),
}
# The line that is changed, and how its place is named.
PLACES = {
    "entries": ("seq = 7", "entry 7"),
    "changes": ("seq = 8", "row change 8"),
    "commits": ("number = 6", "commit 6"),
    "rows": ("id = 'h1'", "row Host h1"),
    "base": ("id = 'h1'", "snapshot at commit 3"),
    "horizon": ("one = 1", "commit"),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal of nine commits, three of them pruned, its key and its exported head."""
    folder = tmp_path_factory.mktemp("journal")
    key = load_signing_key(folder / "signing.key")
    with closing(SqliteJournal(folder, lambda: key)) as journal:
        for day in range(9):
            at = NOON + timedelta(days=day)
            rows = [
                Row("Host", "h1", day, host(epoch=day + 1)),
                Row("Machine", f"m{day}", 0, machine(f"m{day}", sealed=None)),
            ]
            journal.commit(rows, [Entry(at, "decision", f"d{day}", "h1", {"number": day})])
        journal.commit([Row("Machine", "m8", 1, None), Row("Machine", "mx", 0, VALUES["Machine"])], [])
        journal.prune(NOON + timedelta(days=2, hours=1), 100)
        write_head(folder / FILE, head_doc("", journal.head(), key.verify_key))
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "data"))


def findings(folder: Path) -> list[str]:
    with kept_in(folder) as kept:
        return verify(kept, [load_signing_key(folder / "signing.key").verify_key], told_before(folder)).findings


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        for statement in statements:
            assert db.execute(statement).rowcount > 0


def flipped(value: Any) -> Any:
    """The same with one byte changed."""
    match value:
        case int():
            return value + 1000
        case str():
            return f"{value[:-1]}{chr(ord(value[-1]) ^ 1)}" if value else "x"
        case _:
            return bytes([*value[:-9], value[-9] ^ 1, *value[-8:]])


def test_what_nobody_touched_is_as_it_was_written(folder: Path) -> None:
    assert findings(folder) == []


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in COLUMNS.items() for column in columns]
)
def test_a_changed_byte_is_found_with_its_place(folder: Path, table: str, column: str) -> None:
    where, place = PLACES[table]
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        (value,) = db.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()  # noqa: S608
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (flipped(value),))  # noqa: S608
    assert any(place in text for text in findings(folder)), findings(folder)


@pytest.mark.parametrize("table", COLUMNS)
def test_text_that_is_none_and_numbers_that_are_none_are_found_too(folder: Path, table: str) -> None:
    where, place = PLACES[table]
    column = "at" if "at" in COLUMNS[table] else "version"
    change(folder, f"UPDATE {table} SET {column} = x'ff00ff' WHERE {where}")  # noqa: S608
    assert any(place in text for text in findings(folder)), findings(folder)


def test_a_body_that_is_no_json_is_found(folder: Path) -> None:
    change(folder, "UPDATE rows SET body = x'7b\"sealed\"' WHERE id = 'mx'".replace('"sealed"', "ff"))
    assert findings(folder) == ["row Machine mx: is not what the commits say (version 1)"]


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("DELETE FROM entries WHERE seq = 7", "entry 7 (commit 7): is missing"),
        ("DELETE FROM changes WHERE seq = 8", "row change 8 (commit 4): is missing"),
        ("DELETE FROM commits WHERE number = 6", "commit 6: is missing"),
        ("DELETE FROM commits WHERE number = 4", "commit 4: is missing"),
        ("DELETE FROM rows WHERE id = 'm3'", "row Machine m3: is missing"),
        ("DELETE FROM base WHERE id = 'm1'", "snapshot at commit 3: its rows are not those that were signed"),
        (
            "INSERT INTO rows SELECT kind, 'h9', 1, body FROM rows WHERE kind = 'Host'",
            "row Host h9: no commit wrote it",
        ),
        (
            "INSERT INTO entries SELECT 99, at, kind, id, 'h9', body FROM entries WHERE seq = 7",
            "entry 99 (decision about h9): is in no commit",
        ),
        (
            "INSERT INTO entries SELECT 2, at, kind, id, 'h9', body FROM entries WHERE seq = 7",
            "entry 2 (decision about h9): lies before the snapshot and is in no commit",
        ),
        (
            "INSERT INTO changes SELECT 99, kind, 'h9', 1, body FROM changes WHERE seq = 8",
            "row change 99 (Machine h9): is in no commit",
        ),
    ],
)
def test_what_is_missing_or_too_much_is_found(folder: Path, statement: str, place: str) -> None:
    change(folder, statement)
    assert place in findings(folder)


def test_two_entries_that_changed_places_are_both_found(folder: Path) -> None:
    turns = ((5, 99), (6, 5), (99, 6))
    change(folder, *(f"UPDATE entries SET seq = {to} WHERE seq = {seq}" for seq, to in turns))  # noqa: S608
    assert findings(folder) == [
        "entry 5 (decision about h1) (commit 5): is not what was written",
        "entry 6 (decision about h1) (commit 6): is not what was written",
    ]


def test_a_tail_that_is_cut_off_shows_by_the_exported_head(folder: Path) -> None:
    change(
        folder,
        "DELETE FROM commits WHERE number = 10",
        "DELETE FROM changes WHERE seq > 18",
        "DELETE FROM rows WHERE id = 'mx'",
        "INSERT INTO rows SELECT kind, id, version, body FROM changes WHERE seq = 18",
    )
    ends = "exported head: names commit 10, the journal ends at commit 9: cut off, or an older copy"
    assert findings(folder) == [ends]
    with closing(SqliteJournal(folder)) as journal:
        said = rewound(journal, told_before(folder))
    assert said == "the journal ends at commit 9, its exported head names 10: an older copy"


def test_yesterdays_copy_under_new_commits_shows_too(folder: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(folder, tmp_path / "old"))
    key = load_signing_key(folder / "signing.key")
    for place in (folder, old):
        with closing(SqliteJournal(place, lambda: key)) as journal:
            journal.commit([], [Entry(NOON, "decision", "", "h1", {"in": str(place)})])
            if place is folder:
                write_head(old / FILE, head_doc("", journal.head(), key.verify_key))
    assert findings(old) == ["commit 11: is another one than the exported head names"]
    with closing(SqliteJournal(old)) as journal:
        assert "another one" in rewound(journal, told_before(old))
    with closing(SqliteJournal(folder)) as journal:
        assert rewound(journal, told_before(folder)) == ""


def test_whoever_rewrites_all_of_it_lacks_the_key(folder: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    thief = SigningKey.generate()
    with closing(SqliteJournal(forged, lambda: thief)) as journal:
        journal.commit([Row("Host", "h1", 0, host(epoch=99))], [])
    shutil.copy(folder / "signing.key", forged / "signing.key")
    assert findings(forged) == [
        "snapshot at commit 0: is not signed by this key",
        "commit 1: is not signed by this key",
    ]


def test_the_command_tells_and_ends_with_a_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-journal", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "7 commits, 6 entries, 14 row changes since the snapshot at commit 3" in said
    assert "as it was written; head 10" in said
    change(folder, "UPDATE entries SET subject = 'h2' WHERE seq = 7")
    assert main(["verify-journal", str(folder), "--json"]) == 1
    said = capsys.readouterr().out
    assert '"whole": false' in said
    assert "entry 7 (decision about h2) (commit 7): is not what was written" in said


def test_the_command_says_what_it_could_not_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = key_text(load_signing_key(folder / "signing.key").verify_key)
    (folder / "signing.key").unlink()
    (folder / FILE).unlink()
    assert main(["verify-journal", str(folder)]) == 0
    assert "note: no key: signatures were not checked\n  note: no exported head" in capsys.readouterr().out
    assert main(["verify-journal", str(folder), "--key", public]) == 0
    assert "no key" not in capsys.readouterr().out
    assert main(["verify-journal", str(folder), "--key", key_text(SigningKey.generate().verify_key)]) == 1


def test_the_fold_is_written_as_lines(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-journal", str(folder), "--fold", str(tmp_path / "fold")]) == 0
    lines = (tmp_path / "fold").read_text().splitlines()
    with closing(SqliteJournal(folder)) as journal:
        count = sum(len(found) for found in journal.rows().values())
    assert len(lines) == count == 10
    assert lines[0].startswith('{"kind":"Host","id":"h1","version":9,"row":{"name":"h1"')
    capsys.readouterr()
    assert main(["verify-journal", str(folder), "--fold", "-"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no journal"),
        (b"", "schema 0 has no chain"),
        (b"nonsense" * 200, "file is not a database"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "journal.db").write_bytes(content)
    assert main(["verify-journal", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
