"""Whether a journal is what was written: chain, signatures, and the rows as a fold of their changes.

Every difference is told with its place. What follows from a difference alone is told too: a changed hash shows at its
own commit and at the next one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

import msgspec
from nacl.signing import VerifyKey

from remediator.journal import codec
from remediator.journal.chain import DIGEST_BYTES, Change, Head, Line, change_leaf, line_leaf, next_hash
from remediator.journal.heads import Told, signed_by
from remediator.journal.kept import Kept
from remediator.journal.snapshot import PREFIX, Key, snapshot_signed_by
from remediator.journal.state import EMPTY, Member, moved

T = TypeVar("T", bound=Line | Change)
Fold = dict[Key, tuple[int, bytes]]


@dataclass(slots=True)
class Report:
    """What was found wrong, with places, and what was looked at; ``fold`` are the rows that the changes give."""

    findings: list[str] = field(default_factory=list)
    since: Head = field(default_factory=Head)
    head: Head = field(default_factory=Head)
    commits: int = 0
    rows: int = 0
    fold: Fold = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return not self.findings


def verify(kept: Kept, keys: Sequence[VerifyKey] = (), told: Told | None = None) -> Report:
    """Look through all of it; ``keys`` are those whose signatures count (none: signatures are not checked).

    ``told`` is a head that was exported, and must be on the chain.

    Raises:
        JournalUnusable: it cannot be read to its end.
    """
    return _Verification(kept, keys, told).run()


class _Upto(Generic[T]):
    """Hands out what has numbers up to a given one."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._next = next(items, None)

    def take(self, last: int) -> list[T]:
        found: list[T] = []
        item = self._next
        while item is not None and item.seq <= last:
            found.append(item)
            item = next(self._items, None)
        self._next = item
        return found

    def rest(self) -> Iterator[T]:
        if self._next is not None:
            yield self._next
            yield from self._items


class _Verification:
    def __init__(self, kept: Kept, keys: Sequence[VerifyKey], told: Told | None) -> None:
        self._kept = kept
        self._keys = keys
        self._told = told
        self._lines: _Upto[Line] = _Upto(kept.lines())
        self._changes: _Upto[Change] = _Upto(kept.changes())
        self._report = Report()

    def run(self) -> Report:
        report = self._report
        report.head = report.since = self._begin()
        for head, leaves in self._kept.commits():
            if not _numbered(head):
                self._found(f"commit {head.number}: is not what a journal writes")
                return report
            self._commit(report.head, head, leaves)
            self._meet(head)
            report.head = head
            report.commits += 1
        self._end()
        self._compare_rows()
        return report

    def _found(self, text: str) -> None:
        self._report.findings.append(text)

    def _begin(self) -> Head:
        """Where the commits that are kept begin: at a snapshot, which must be the one that was signed."""
        horizon = self._kept.horizon()
        members = list(self._kept.base())
        if not _same(lambda: moved(EMPTY, (), members), horizon.state):
            self._found(f"snapshot at commit {horizon.head.number}: its rows are not those that were signed")
        if self._keys and not any(snapshot_signed_by(key, horizon, self._kept.shard) for key in self._keys):
            self._found(f"snapshot at commit {horizon.head.number}: is not signed by this key")
        rows = (
            member for member in members if not member.kind.startswith(PREFIX) and isinstance(member.version, int)
        )
        self._report.fold = {(row.kind, row.id): (row.version, row.body) for row in rows}
        self._before_snapshot(horizon.head)
        self._meet(horizon.head)
        return horizon.head

    def _before_snapshot(self, head: Head) -> None:
        for line in self._lines.take(head.last_entry):
            self._found(f"{_name(line)}: lies before the snapshot and is in no commit")
        for change in self._changes.take(head.last_change):
            self._found(f"{_name(change)}: lies before the snapshot and is in no commit")

    def _commit(self, before: Head, head: Head, leaves: bytes) -> None:
        if head.number != before.number + 1:
            self._found(f"commit {before.number + 1}: is missing")
        changes = self._changes.take(head.last_change)
        lines = self._lines.take(head.last_entry)
        if not _same(lambda: b"".join([*map(change_leaf, changes), *map(line_leaf, lines)]), leaves):
            self._locate(before, head, leaves, changes, lines)
        if not _same(lambda: next_hash(before, head, leaves), head.hash):
            self._found(
                f"commit {head.number}: its hash does not follow from what it says and commit {before.number}"
            )
            self._check_signature(before)
        self._fold(changes, head.number)

    def _locate(self, before: Head, head: Head, leaves: bytes, changes: list[Change], lines: list[Line]) -> None:
        """Which of a commit's row changes and entries are not what they were."""
        digests = [leaves[at : at + DIGEST_BYTES] for at in range(0, len(leaves), DIGEST_BYTES)]
        due = head.last_change - before.last_change
        known = len(self._report.findings)
        of_changes = dict(zip(range(before.last_change + 1, head.last_change + 1), digests[:due], strict=False))
        of_lines = dict(zip(range(before.last_entry + 1, head.last_entry + 1), digests[due:], strict=False))
        self._compare_leaves(changes, change_leaf, of_changes, "row change", head.number)
        self._compare_leaves(lines, line_leaf, of_lines, "entry", head.number)
        if len(self._report.findings) == known:
            self._found(f"commit {head.number}: its digests are not those of what it wrote")

    def _compare_leaves(
        self, items: list[T], leaf: Callable[[T], bytes], due: dict[int, bytes], what: str, commit: int
    ) -> None:
        there = {item.seq: item for item in items}
        for seq in due.keys() - there.keys():
            self._found(f"{what} {seq} (commit {commit}): is missing")
        for seq, item in there.items():
            digest = due.get(seq, b"")
            if not _same(partial(leaf, item), digest):
                self._found(f"{_name(item)} (commit {commit}): is not what was written")

    def _check_signature(self, head: Head) -> None:
        shard = self._kept.shard
        if self._keys and not any(
            signed_by(key, shard, head.number, head.hash, head.signature) for key in self._keys
        ):
            self._found(f"commit {head.number}: is not signed by this key")

    def _fold(self, changes: list[Change], commit: int) -> None:
        fold = self._report.fold
        for change in changes:
            key = (change.kind, change.id)
            version = fold[key][0] if key in fold else 0
            due = version if change.body is None else version + 1
            if change.version != due:
                self._found(f"{_name(change)} (commit {commit}): has version {change.version!r}, due was {due}")
            if change.body is None:
                fold.pop(key, None)
            else:
                fold[key] = (due, change.body)

    def _meet(self, head: Head) -> None:
        told = self._told
        if told and told.number == head.number and told.hash != head.hash:
            self._found(f"commit {head.number}: is another one than the exported head names")

    def _end(self) -> None:
        report, told = self._report, self._told
        for line in self._lines.rest():
            self._found(f"{_name(line)}: is in no commit")
        for change in self._changes.rest():
            self._found(f"{_name(change)}: is in no commit")
        if report.head.number:
            self._check_signature(report.head)
        if told is None:
            return
        if told.shard != self._kept.shard:
            self._found(f"exported head: is of shard {told.shard!r}, this is {self._kept.shard!r}")
        if self._keys and not any(
            signed_by(key, told.shard, told.number, told.hash, told.signature) for key in self._keys
        ):
            self._found(f"exported head: commit {told.number} is not signed by this key")
        if told.number > report.head.number:
            ends = f"the journal ends at commit {report.head.number}"
            self._found(f"exported head: names commit {told.number}, {ends}: cut off, or an older copy")

    def _compare_rows(self) -> None:
        left = dict(self._report.fold)
        for row in self._kept.current():
            self._report.rows += 1
            due = left.pop((row.kind, row.id), None)
            if due is None:
                self._found(f"{_row_name(row.kind, row.id)}: no commit wrote it")
            elif due != (row.version, _history_form(row)):
                self._found(f"{_row_name(row.kind, row.id)}: is not what the commits say (version {due[0]})")
        for kind, identifier in left:
            self._found(f"{_row_name(kind, identifier)}: is missing")


def _numbered(head: Head) -> bool:
    numbers = (head.number, head.term, head.last_entry, head.last_change)
    return all(isinstance(number, int) for number in numbers) and isinstance(head.at, str)


def _same(made: Callable[[], bytes], due: bytes) -> bool:
    """Whether that gives this; what cannot even be read does not."""
    try:
        return made() == due
    except (TypeError, ValueError, AttributeError):
        return False


def _history_form(row: Member) -> bytes:
    try:
        return codec.history_form(row.kind.decode(), row.body)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return b""


def _name(item: Line | Change) -> str:
    if isinstance(item, Line):
        return f"entry {item.seq} ({_text(item.kind)} about {_text(item.subject)})"
    return f"row change {item.seq} ({_text(item.kind)} {_text(item.id)})"


def _row_name(kind: bytes, identifier: bytes) -> str:
    return f"row {_text(kind)} {_text(identifier)}"


def _text(raw: object) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
