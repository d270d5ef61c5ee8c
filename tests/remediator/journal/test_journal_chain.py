"""What the chain is made of: every column counts, sets have one digest, and any history folds into its rows."""

import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import permutations, product
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from remediator.journal import codec
from remediator.journal.chain import Change, Head, Line, change_leaf, line_leaf, linked, next_hash
from remediator.journal.kept import kept_in
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Entry, Journal, Row
from remediator.journal.sqlite import SqliteJournal
from remediator.journal.state import EMPTY, Member, moved
from remediator.journal.verify import verify
from tests.remediator.builders import NOON, SECOND, host

KEY = SigningKey(bytes(32))
LINE = Line(1, b"at", b"kind", b"id", b"subject", b"body")
CHANGE = Change(1, b"kind", b"id", 1, b"body")


def one_other(columns: tuple[Any, ...]) -> list[list[Any]]:
    """The same with one column changed, each in turn."""
    other = [2 if isinstance(value, int) else b"x" for value in columns]
    return [[*columns[:place], other[place], *columns[place + 1 :]] for place in range(len(columns))]


def test_every_column_is_in_a_leaf_and_none_runs_into_the_next() -> None:
    others = [Line._make(each) for each in one_other(LINE)]
    shifted = LINE._replace(kind=b"kindi", id=b"d")
    assert len({line_leaf(line) for line in (LINE, shifted, *others)}) == len(others) + 2
    rows = [Change._make(each) for each in one_other(CHANGE)]
    gone, blank = CHANGE._replace(body=None), CHANGE._replace(body=b"")
    assert len({change_leaf(row) for row in (CHANGE, gone, blank, *rows)}) == len(rows) + 3


def test_a_hash_covers_everything_that_the_commit_says_and_the_one_before() -> None:
    before = Head(3, "at", 1, 5, 6, b"h" * 32, b"s" * 64)
    after, leaves = linked(before, [LINE], [CHANGE], "later", 2)
    assert (after.number, after.last_entry, after.last_change) == (4, 6, 7)
    told = [
        replace(after, number=9),
        replace(after, at="x"),
        replace(after, term=9),
        replace(after, last_entry=9),
        replace(after, last_change=9),
    ]
    hashes = {next_hash(before, each, leaves) for each in told}
    hashes |= {next_hash(before, after, leaves[:-1]), next_hash(before, after, leaves)}
    hashes |= {next_hash(replace(before, hash=b"x" * 32), after, leaves)}
    hashes |= {next_hash(replace(before, signature=b""), after, leaves)}
    assert len(hashes) == 9


def test_a_set_has_one_digest_whatever_way_it_came_about() -> None:
    members = [Member(b"Host", b"h%d" % number, number, b"body") for number in range(4)]
    assert len({moved(EMPTY, (), order) for order in permutations(members)}) == 1
    whole = moved(EMPTY, (), members)
    assert moved(whole, members[1:], ()) == moved(EMPTY, (), members[:1])
    assert moved(whole, members, ()) == EMPTY
    assert moved(whole, members[:1], [members[0]._replace(version=9)]) != whole
    others = [
        Member(b"Hos", b"th0", 0, b"body"),
        Member(b"Host", b"h0", 0, b"bod"),
        Member(b"Host", b"h", 0, b"0body"),
    ]
    assert len({moved(EMPTY, (), [each]) for each in (members[0], *others)}) == 4


# A commit: which rows are put (or deleted, where they are there), how many entries; or a pruning.
WISHES = st.tuples(st.sets(st.integers(0, 3), max_size=3), st.sets(st.integers(0, 3), max_size=2), st.integers(0, 2))
STEPS = st.lists(WISHES | st.integers(1, 4), max_size=12)


def play(journal: Journal, steps: list[tuple[set[int], set[int], int] | int]) -> None:
    """The same steps on any journal."""
    versions: dict[str, int] = {}
    for day, step in enumerate(steps):
        if isinstance(step, int):
            journal.prune(NOON + timedelta(days=day), step)
            continue
        put, gone, count = step
        rows = [Row("Host", f"h{n}", versions.get(f"h{n}", 0), host(f"h{n}", epoch=day + 1)) for n in sorted(put)]
        deleted = [f"h{n}" for n in sorted(gone - put) if versions.get(f"h{n}")]
        rows += [Row("Host", name, versions[name], None) for name in deleted]
        at = NOON + timedelta(days=day)
        entries = [Entry(at + SECOND * n, kind, "", f"h{n}", {}) for n, kind in product(range(count), ("row", "x"))]
        journal.commit(rows, entries)
        versions |= {row.id: row.version + 1 if row.value else 0 for row in rows}


@settings(max_examples=25)
@given(STEPS)
def test_any_history_verifies_and_folds_into_its_rows_in_memory_and_in_a_file(
    steps: list[tuple[set[int], set[int], int] | int],
) -> None:
    memory = MemoryJournal(KEY)
    play(memory, steps)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(SqliteJournal(folder, lambda: KEY)) as journal:
            play(journal, steps)
            assert journal.rows() == memory.rows()
            assert journal.head() == memory.head()
        with kept_in(folder) as kept:
            report = verify(kept, [KEY.verify_key])
            assert kept.horizon() == memory.horizon()
    assert (report.findings, verify(memory, [KEY.verify_key]).findings) == ([], [])
    rows = memory.rows()["Host"]
    assert {key[1].decode(): version for key, (version, _) in report.fold.items()} == {
        name: stored.version for name, stored in rows.items()
    }
    assert all(codec.decode("Host", report.fold[b"Host", name.encode()][1]) == rows[name].value for name in rows)
