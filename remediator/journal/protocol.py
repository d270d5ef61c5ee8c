"""The journal's contract: current rows plus append-only history, written together, before anything is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from remediator.model.errors import FleetmendError


class Conflict(FleetmendError):
    """A row is not as it was when it was read: somebody else leads, or a bug of ours."""


class JournalUnusable(FleetmendError):
    """The journal cannot be opened: locked by another remediator, newer than this version, or unreadable."""


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
    on ``Conflict``; ``rows`` gives decoded values of ``codec.KINDS``; ``entries`` gives the newest first.
    """

    def rows(self) -> dict[str, dict[str, Stored]]: ...

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None: ...

    def entries(self, kind: str, limit: int, *, identifier: str = "", subject: str = "") -> list[Entry]: ...

    def count(self) -> int: ...

    def close(self) -> None: ...
