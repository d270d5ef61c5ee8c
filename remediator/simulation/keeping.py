"""A journal in memory that tells of each commit, may be copied, and may die at a chosen step."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from remediator.journal import codec
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Entry, Journal, Row, Stored
from remediator.model.layered import Layered
from remediator.runtime.ledger import Draft, Ledger
from remediator.simulate.world.judge import Crashed

T = TypeVar("T")
# Mappings up to this size are copied at each change.
FOLDED = 2000
_SORTED = frozenset({"Machine", "Volume"})
# Rows that change with every look in times of trouble, and move nothing.
_READ_AGAIN = frozenset({"term"})
_STATISTICS = frozenset({"Suspicion", "BaseRate"})
Rows = dict[str, dict[str, Stored]]
Heard = Callable[[Sequence[Row], Sequence[Entry]], None]


@dataclass(slots=True)
class Doom:
    """The step at which the process is to die next; empty where it is not."""

    step: str = ""

    def meets(self, step: str) -> None:
        if self.step == step:
            self.step = ""
            raise Crashed(step)


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup of a journal."""

    rows: Rows
    told: tuple[Entry, ...]
    number: int


class Shelf(MemoryJournal):
    """What survives a crash: rows by kind and id. Values are frozen, so that a copy of the mappings is a copy.

    Nothing is encoded and no history is kept: this is about speed, and the contract's own fakes are elsewhere.
    """

    def __init__(self, doom: Doom) -> None:
        super().__init__()
        self._doom = doom
        self.kept: Rows = {kind: {} for kind in codec.KINDS}
        # Entries of the kinds that are read again at a start.
        self.told: list[Entry] = []
        self.number = 0
        # The newest number that was exported: it outlives a journal that is put back.
        self.exported = 0

    @property
    def behind(self) -> str:
        """Why this is an older copy than the one whose end was exported; empty where it is not."""
        if self.number >= self.exported:
            return ""
        return f"the journal ends at commit {self.number}, commit {self.exported} was exported"

    def copy(self) -> "Kept":
        return Kept(self.rows(), tuple(self.told), self.number)

    def put_back(self, kept: "Kept") -> None:
        self.kept = {kind: rows.copy() for kind, rows in kept.rows.items()}
        self.told, self.number = list(kept.told), kept.number

    def entries(self, kind: str, limit: int, *, identifier: str = "", subject: str = "") -> list[Entry]:
        mine = [each for each in reversed(self.told) if each.kind == kind and subject in ("", each.subject)]
        return [each for each in mine if identifier in ("", each.id)][:limit]

    def rows(self) -> Rows:
        return {kind: rows.copy() for kind, rows in self.kept.items()}

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        self._doom.meets("before_commit")
        self.told += [entry for entry in entries if entry.kind in _READ_AGAIN]
        self.number += 1
        self.exported = max(self.exported, self.number)
        for row in rows:
            if row.value is None:
                self.kept[row.kind].pop(row.id, None)
            else:
                self.kept[row.kind][row.id] = Stored(row.version + 1, row.value)


class _Inline:
    """An event loop only in so far as its executor does everything at once."""

    def run_in_executor(self, _executor: Any, func: Callable[..., T], *args: Any) -> Coroutine[Any, Any, T]:
        return _done(func(*args))


async def _done(value: T) -> T:
    return value


_INLINE = cast("asyncio.AbstractEventLoop", _Inline())


class InlineLedger(Ledger):
    """The ledger without its writer's thread: a commit is done when it returns."""

    def __init__(self, shelf: Shelf, doom: Doom, heard: Heard) -> None:
        super().__init__(shelf)
        self._doom = doom
        self._heard = heard
        self.commits = 0

    def fill(self, values: Sequence[Any]) -> None:
        """Rows of the beginning, which nobody is told of."""
        draft = Draft(self._stored)
        draft.put(*values)
        at_once(self._written(_INLINE, draft.rows(), []))

    def _fold(self, kinds: set[str]) -> None:
        """Small mappings are read more often than they change; what is sorted by host as a whole stays layered."""
        for kind in kinds - _SORTED:
            view = self._views[kind]
            if len(view) < FOLDED:
                self._views[kind] = Layered(view.copy())

    async def ask(self, question: Callable[[Journal], T]) -> T:
        return question(self._journal)

    async def _commit(self, rows: list[Row], entries: list[Entry]) -> None:
        await self._written(_INLINE, rows, entries)
        self._fold({row.kind for row in rows})
        self.commits += any(row.kind not in _STATISTICS for row in rows)
        self._heard(rows, entries)
        self._doom.meets("after_commit")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing.

    Raises:
        RuntimeError: it does wait for something; that has no place in virtual time.
    """
    try:
        work.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    work.close()
    raise RuntimeError("waits for something in virtual time")
