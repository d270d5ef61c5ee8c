"""What stands in for commits that were pruned: the rows and standing entries that they left, and a signed digest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

import msgspec
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from remediator.journal import codec
from remediator.journal.chain import Change, Head, Line, change_leaf, line_leaf, next_hash
from remediator.journal.heads import signed_by
from remediator.journal.protocol import JournalUnusable
from remediator.journal.state import EMPTY, Member, moved

# Of these the last entry about each subject outlives pruning: a replay begins from them.
STANDING = frozenset({b"row", b"host", b"gate", b"freeze", b"anew", b"term", b"policy", b"backlog"})
PREFIX = b"entry/"
Key = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Horizon:
    """Behind ``head`` nothing is kept but the snapshot, whose digest is ``state``."""

    head: Head = field(default_factory=Head)
    state: bytes = EMPTY
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Step:
    """How a snapshot moves on: members to write, keys to delete, and what signs it."""

    put: list[Member]
    gone: list[Key]
    horizon: Horizon


@dataclass(frozen=True, slots=True)
class Pruned:
    """Commits in order, with their leaves, and everything that they wrote."""

    commits: list[tuple[Head, bytes]]
    changes: list[Change]
    lines: list[Line]

    @property
    def head(self) -> Head:
        return self.commits[-1][0]


def touched(pruned: Pruned, horizon: Horizon, signer: SigningKey | None, shard: str) -> dict[Key, Member | None]:
    """The members that those commits leave behind; None where one is gone.

    Raises:
        JournalUnusable: they are not what was written, and must not become what we sign.
    """
    try:
        _check(pruned, horizon.head)
        found = _left(pruned)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise _changed(horizon.head.number) from error
    last = pruned.head
    if signer and not signed_by(signer.verify_key, shard, last.number, last.hash, last.signature):
        raise _changed(last.number - 1)
    return found


def _check(pruned: Pruned, before: Head) -> None:
    changes, lines = iter(pruned.changes), iter(pruned.lines)
    for head, leaves in pruned.commits:
        of_rows = map(change_leaf, islice(changes, head.last_change - before.last_change))
        of_entries = map(line_leaf, islice(lines, head.last_entry - before.last_entry))
        if b"".join([*of_rows, *of_entries]) != leaves or next_hash(before, head, leaves) != head.hash:
            raise _changed(before.number)
        before = head


def _changed(after: int) -> JournalUnusable:
    asked = "nothing is pruned; see fleetmend verify-journal"
    return JournalUnusable(f"journal: what follows commit {after} is not what was written: {asked}")


def _left(pruned: Pruned) -> dict[Key, Member | None]:
    found: dict[Key, Member | None] = {}
    for _, kind, identifier, version, body in pruned.changes:
        found[kind, identifier] = None if body is None else Member(kind, identifier, version, body)
    for line in pruned.lines:
        if line.kind in STANDING:
            found[PREFIX + line.kind, line.subject] = None if _tells_end(line) else member_of(line)
    return found


def build_step(
    before: Horizon,
    head: Head,
    now: Mapping[Key, Member | None],
    was: Iterable[Member],
    signer: SigningKey | None,
    shard: str,
) -> Step:
    """The step from one horizon to the next; ``was`` are the members that stood under the keys of ``now``."""
    put = [member for member in now.values() if member is not None]
    gone = [key for key, member in now.items() if member is None]
    state = moved(before.state, was, put)
    return Step(put, gone, signed(Horizon(head, state), signer, shard))


def signed(horizon: Horizon, signer: SigningKey | None, shard: str) -> Horizon:
    signature = signer.sign(_statement(horizon, shard)).signature if signer else b""
    return Horizon(horizon.head, horizon.state, signature)


def snapshot_signed_by(key: VerifyKey, horizon: Horizon, shard: str) -> bool:
    """Whether that key signed the snapshot."""
    try:
        key.verify(_statement(horizon, shard), horizon.signature)
    except (CryptoError, ValueError, TypeError):
        return False
    return True


def member_of(line: Line) -> Member:
    told = [line.at.decode(), line.id.decode(), msgspec.Raw(line.body)]
    return Member(PREFIX + line.kind, line.subject, line.seq, msgspec.json.encode(told))


def line_of(member: Member) -> Line:
    """The entry that a member was made of."""
    at, identifier, body = msgspec.json.decode(member.body, type=tuple[str, str, msgspec.Raw])
    kind = member.kind.removeprefix(PREFIX)
    return Line(member.version, at.encode(), kind, identifier.encode(), member.id, bytes(body))


def _tells_end(line: Line) -> bool:
    return line.kind == b"row" and b'"gone"' in line.body and codec.decode_body(line.body).get("gone") is True


def _statement(horizon: Horizon, shard: str) -> bytes:
    head = horizon.head
    at = head.at.encode()
    lengths = (
        head.number,
        head.term,
        head.last_entry,
        head.last_change,
        len(at),
        len(shard.encode()),
        len(head.signature),
    )
    told = b"fleetmend journal snapshot 1\n%d %d %d %d %d %d %d " % lengths
    return b"".join((told, at, shard.encode(), head.hash, head.signature, horizon.state))
