"""The journal's contract: current rows plus append-only history, written together, before anything is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from remediator.journal.chain import Head
from remediator.model.errors import FleetmendError

# How a caution begins that tells of commits which may not last.
UNSAFE = "acknowledged requests can be lost"


class Conflict(FleetmendError):
    """A row is not as it was when it was read: somebody else leads, or a bug of ours."""


class JournalUnusable(FleetmendError):
    """The journal cannot be opened: locked by another remediator, newer than this version, or unreadable."""


class LeaseLost(FleetmendError):
    """Somebody else leads, or nobody: nothing was written."""


@dataclass(frozen=True, slots=True)
class Row:
    """One current value; ``version`` is the one it was read at (0: new), ``value`` None deletes it."""

    kind: str
    id: str
    version: int
    value: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of history; ``id`` finds a decision again, ``subject`` is the host or machine it is about."""

    at: datetime
    kind: str
    id: str
    subject: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as it lies in the journal."""

    version: int
    value: Any


class Journal(Protocol):
    """Synchronous on purpose: one writer thread calls it.

    Implementers owe: ``commit`` is atomic and durable when it returns, checks every version, and writes nothing
    on ``Conflict``; ``rows`` gives decoded values of ``codec.KINDS`` and passes over kinds that we do not know;
    ``entries`` gives the newest first, and no more of what was pruned.

    Each commit is one more of the chain, whose end is ``head``; ``known_hash`` is that of a commit not yet pruned.
    ``prune`` moves the signed snapshot over commits that name no moment after ``before``, ``most`` commits at a
    time, and says over how many. ``free_share`` is the share of the disk that is free, None where it cannot be
    known; ``cautions`` are what people must know of how durable a commit is. ``shard`` names whose journal it is,
    empty where there is one. ``break_off`` ends what waits for an answer that may never come, from any thread.
    """

    shard: str

    def rows(self) -> dict[str, dict[str, Stored]]: ...

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None: ...

    def entries(self, kind: str, limit: int, *, identifier: str = "", subject: str = "") -> list[Entry]: ...

    def count(self) -> int: ...

    def head(self) -> Head: ...

    def known_hash(self, number: int) -> bytes | None: ...

    def prune(self, before: datetime, most: int) -> int: ...

    def free_share(self) -> float | None: ...

    def cautions(self) -> list[str]: ...

    def break_off(self) -> None: ...

    def close(self) -> None: ...
