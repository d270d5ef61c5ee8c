"""A journal that forgets: for tests and the simulator, under the same contract as the others."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import takewhile

from nacl.signing import SigningKey

from remediator.journal import codec
from remediator.journal.batch import Batch, build_batch
from remediator.journal.chain import Change, Head, Line
from remediator.journal.protocol import Conflict, Entry, Row, Stored
from remediator.journal.snapshot import Horizon, Key, Pruned, build_step, signed, touched
from remediator.journal.state import Member


class MemoryJournal:
    """Encodes and decodes like the durable ones, so that drift shows; it is its own ``Kept``, too."""

    shard = ""

    def __init__(self, signer: SigningKey | None = None) -> None:
        self._signer = signer
        self._rows: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._lines: list[Line] = []
        self._changes: list[Change] = []
        self._commits: list[tuple[Head, bytes]] = []
        self._base: dict[Key, Member] = {}
        self._horizon = signed(Horizon(), signer, self.shard)

    def rows(self) -> dict[str, dict[str, Stored]]:
        return codec.decode_rows((*key, version, body) for key, (version, body) in self._rows.items())

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        if not rows and not entries:
            return
        for row in rows:
            version = self._rows.get((row.kind, row.id), (0, b""))[0]
            if version != row.version or (row.value is None and not version):
                raise Conflict(f"{row.kind} {row.id}: version {version}, expected {row.version}")
        self._write(rows, build_batch(self.head(), rows, entries, self._signer))

    def _write(self, rows: Sequence[Row], batch: Batch) -> None:
        for row, body in zip(rows, batch.bodies, strict=True):
            if body is None:
                self._rows.pop((row.kind, row.id))
            else:
                self._rows[row.kind, row.id] = (row.version + 1, body)
        self._lines += batch.lines
        self._changes += batch.changes
        self._commits.append((batch.head, batch.leaves))

    def entries(self, kind: str, limit: int, *, identifier: str = "", subject: str = "") -> list[Entry]:
        wanted = (kind.encode(), identifier.encode(), subject.encode())

        def asked(line: Line) -> bool:
            about = (not identifier or line.id == wanted[1]) and (not subject or line.subject == wanted[2])
            return line.kind == wanted[0] and about

        return [codec.decode_entry(line) for line in reversed(self._lines) if asked(line)][:limit]

    def count(self) -> int:
        return self.head().last_entry

    def head(self) -> Head:
        return self._commits[-1][0] if self._commits else self._horizon.head

    def known_hash(self, number: int) -> bytes | None:
        heads = [self._horizon.head, *(head for head, _ in self._commits)]
        return next((head.hash for head in heads if head.number == number), None)

    def prune(self, before: datetime, most: int) -> int:
        limit = before.isoformat()
        old = list(takewhile(lambda commit: commit[0].at < limit, self._commits[:-1][:most]))
        if not old:
            return 0
        head = old[-1][0]
        changes = [change for change in self._changes if change.seq <= head.last_change]
        lines = [line for line in self._lines if line.seq <= head.last_entry]
        now = touched(Pruned(old, changes, lines), self._horizon, self._signer, self.shard)
        was = [self._base[key] for key in now if key in self._base]
        step = build_step(self._horizon, head, now, was, self._signer, self.shard)
        for key in step.gone:
            self._base.pop(key, None)
        self._base |= {(member.kind, member.id): member for member in step.put}
        del self._changes[: len(changes)], self._lines[: len(lines)], self._commits[: len(old)]
        self._horizon = step.horizon
        return len(old)

    def free_share(self) -> float | None:
        return None

    def cautions(self) -> list[str]:
        return []

    def break_off(self) -> None:
        """Nothing here waits for anybody."""

    def close(self) -> None:
        pass

    def horizon(self) -> Horizon:
        return self._horizon

    def base(self) -> Iterator[Member]:
        return iter(self._base.values())

    def commits(self) -> Iterator[tuple[Head, bytes]]:
        return iter(self._commits)

    def lines(self) -> Iterator[Line]:
        return iter(self._lines)

    def changes(self) -> Iterator[Change]:
        return iter(self._changes)

    def current(self) -> Iterator[Member]:
        for (kind, identifier), (version, body) in self._rows.items():
            yield Member(kind.encode(), identifier.encode(), version, body)
