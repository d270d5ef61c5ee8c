"""The fold of the journal in memory, and the one door through which it changes."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from remediator.journal.chain import Head
from remediator.journal.protocol import Entry, Journal, Row, Stored
from remediator.journal.sharing import Sharing
from remediator.model.alert import KeptAlert
from remediator.model.app import App
from remediator.model.asks import Changes
from remediator.model.decision import Remediation
from remediator.model.enrolment import Enrolment, JoinToken, Term
from remediator.model.host import Host
from remediator.model.incident import Incident
from remediator.model.layered import Layered
from remediator.model.loan import Loan
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.machine_lease import MachineLease
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.received import ReceivedAlert, SentAlert
from remediator.model.record import Record
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation
from remediator.model.suspicion import BaseRate, Suspicion
from remediator.model.token import ApiToken
from remediator.runtime.chronicle import rows_told
from remediator.runtime.recent import Recent

T = TypeVar("T")
# A commit takes milliseconds; one that is asked of a database that is cut off may take for ever.
_CLOSE_SECONDS = 2.0
_IDS: dict[type[Any], Callable[[Any], str]] = {
    Host: lambda host: host.name,
    Machine: lambda machine: machine.id,
    Volume: lambda volume: volume.id,
    Snapshot: lambda snapshot: snapshot.id,
    Destroy: lambda destroy: destroy.machine,
    Migration: lambda migration: migration.id,
    Burst: lambda burst: burst.id,
    Loan: lambda loan: loan.host,
    Demand: lambda demand: demand.key,
    Operation: lambda operation: operation.key,
    Remediation: lambda remediation: remediation.key,
    Incident: lambda incident: incident.id,
    Approval: lambda approval: approval.key,
    OperatorHold: lambda hold: hold.key,
    Release: lambda release: release.id,
    Record: lambda record: record.playbook,
    Suspicion: lambda suspicion: suspicion.host,
    BaseRate: lambda rate: rate.id,
    ReceivedAlert: lambda alert: alert.key,
    SentAlert: lambda alert: alert.fingerprint,
    KeptAlert: lambda alert: alert.key,
    Enrolment: lambda enrolment: enrolment.key,
    JoinToken: lambda token: token.token_hash,
    MachineLease: lambda lease: lease.machine,
    ApiToken: lambda token: token.id,
    App: lambda app: app.name,
    Term: lambda term: "term",  # noqa: ARG005 - there is one
}


class Draft:
    """Changes not yet written; reads see them."""

    def __init__(self, stored: Mapping[str, Mapping[str, Stored]]) -> None:
        self._stored = stored
        self._changed: dict[tuple[str, str], Any] = {}
        # Of which kinds there is any change.
        self.kinds: set[str] = set()
        self.entries: list[Entry] = []
        self.at: datetime | None = None

    def get(self, kind: type[T], identifier: str) -> T | None:
        name = kind.__name__
        if (name, identifier) in self._changed:
            changed: T | None = self._changed[name, identifier]
            return changed
        found = self._stored[name].get(identifier)
        return found.value if found else None

    def put(self, *values: Any) -> None:
        for value in values:
            self._change(value, value)

    def delete(self, value: Any) -> None:
        self._change(value, None)

    def _change(self, row: Any, value: Any) -> None:
        kind = type(row).__name__
        self.kinds.add(kind)
        self._changed[kind, _IDS[type(row)](row)] = value

    def note(self, at: datetime, kind: str, subject: str, body: dict[str, Any], identifier: str = "") -> None:
        self.entries.append(Entry(at, kind, identifier, subject, body))

    def changes(self, kind: type[T]) -> Iterator[tuple[T | None, T]]:
        """What is stored and what is to stand instead, of a kind; without what is deleted."""
        for (name, identifier), value in list(self._changed.items()):
            if name == kind.__name__ and value is not None:
                found = self._stored[name].get(identifier)
                yield (found.value if found else None), value

    def overlay(self, values: Mapping[str, T], kind: str) -> Mapping[str, T]:
        """Those values with this draft's changes to their kind laid over them."""
        if kind not in self.kinds:
            return values
        mine = {key: value for (name, key), value in self._changed.items() if name == kind}
        return (values if isinstance(values, Layered) else Layered(values)).with_changes(mine)

    def rows(self) -> list[Row]:
        """What really differs from what is stored."""
        return [row for row in self._all_rows() if not self._same(row)]

    def _all_rows(self) -> list[Row]:
        return [Row(kind, key, self._version(kind, key), value) for (kind, key), value in self._changed.items()]

    def _version(self, kind: str, key: str) -> int:
        found = self._stored[kind].get(key)
        return found.version if found else 0

    def _same(self, row: Row) -> bool:
        found = self._stored[row.kind].get(row.id)
        return bool((found.value if found else None) == row.value)


class Ledger:
    """Values by kind and id, as last committed; ``sequence`` grows with each commit."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = asyncio.Lock()
        self._writer = ThreadPoolExecutor(1, "journal")
        self._take(journal.rows())
        self.sequence = 0
        self.changed = asyncio.Event()
        self._news = asyncio.Event()
        # Each is shown every draft before it is committed, and may add to it.
        self.before_commit: list[Callable[[Draft], None]] = []

    def _take(self, stored: dict[str, dict[str, Stored]]) -> None:
        self._stored = stored
        self._views: dict[str, Layered[Any]] = {
            kind: Layered({key: each.value for key, each in rows.items()}) for kind, rows in stored.items()
        }
        self._recent = Recent()
        self._parts = Sharing()

    def all(self, kind: type[T]) -> Layered[T]:
        """Every value of a kind by id, as they are now: what is committed later does not change it."""
        return self._views[kind.__name__]

    def changed_since(self, since: int, kinds: Sequence[type]) -> Changes:
        """Rows of those kinds that changed after the sequence ``since``, or all, copied, if that is not known."""
        names = [kind.__name__ for kind in kinds]
        changed = self._recent.since(since) if since >= 0 else None
        if changed is None:
            return Changes(self.sequence, {name: self._views[name].copy() for name in names}, whole=True)
        rows: dict[str, dict[str, Any]] = {name: {} for name in names}
        for name, identifier in changed:
            if name in rows:
                rows[name][identifier] = self._views[name].get(identifier)
        return Changes(self.sequence, rows)

    def get(self, kind: type[T], identifier: str) -> T | None:
        found: T | None = self._views[kind.__name__].get(identifier)
        return found

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Draft]:
        """One transaction at a time; when the block ends it is durable and visible, or it raised and nothing is."""
        async with self._lock:
            draft = Draft(self._stored)
            yield draft
            for each in self.before_commit:
                each(draft)
            rows = draft.rows()
            if rows or draft.entries:
                await self._commit(rows, [*draft.entries, *rows_told(rows, self._stored, draft.at)])

    async def entries(self, kind: str, limit: int, *, identifier: str = "", subject: str = "") -> list[Entry]:
        return await self.ask(lambda journal: journal.entries(kind, limit, identifier=identifier, subject=subject))

    def count(self) -> int:
        return self._journal.count()

    @property
    def shard(self) -> str:
        return self._journal.shard

    def head(self) -> Head:
        """The end of the journal's chain."""
        return self._journal.head()

    async def ask(self, question: Callable[[Journal], T]) -> T:
        """Whatever the journal is to be asked, in its own thread, between two commits."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, question, self._journal)

    async def reload(self) -> None:
        """Every row anew from the journal: somebody else wrote it, or the answer to a commit was lost."""
        async with self._lock:
            self._take(await self.ask(lambda journal: journal.rows()))
            self.sequence += 1
            # Whoever read before reads all of it again.
            self._recent = Recent(forgotten=self.sequence)
            self._tell()

    async def close(self) -> None:
        """What is being written is finished, unless nobody answers: that must not keep us from ending."""
        closing = asyncio.ensure_future(self._close())
        await asyncio.wait([closing], timeout=_CLOSE_SECONDS)
        if not closing.done():
            self._journal.break_off()
        await closing

    async def _close(self) -> None:
        async with self._lock:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._journal.close)
            self._writer.shutdown()

    async def _commit(self, rows: list[Row], entries: list[Entry]) -> None:
        loop = asyncio.get_running_loop()
        # Shielded: a caller that gives up must not leave the fold behind the file, nor let the next one in before.
        written = asyncio.ensure_future(self._written(loop, rows, entries))
        try:
            await asyncio.shield(written)
        except asyncio.CancelledError:
            await asyncio.wait([written])
            raise

    async def _written(self, loop: asyncio.AbstractEventLoop, rows: list[Row], entries: list[Entry]) -> None:
        await loop.run_in_executor(self._writer, self._journal.commit, rows, entries)
        changes: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for row in rows:
            value = self._parts.shared(row.value)
            self._publish(row, value)
            changes[row.kind][row.id] = value
        for kind, changed in changes.items():
            self._views[kind] = self._views[kind].with_changes(changed)
        self.sequence += 1
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        # Whoever waits for the next change has it; the one after that is another one.
        self._news.set()
        self._news = asyncio.Event()

    def news(self) -> Coroutine[Any, Any, object]:
        """Until the next commit after this very call, however late it is awaited."""
        return self._news.wait()

    def _publish(self, row: Row, value: Any) -> None:
        self._recent.add(self.sequence + 1, row.kind, row.id)
        if value is None:
            self._stored[row.kind].pop(row.id, None)
            return
        self._stored[row.kind][row.id] = Stored(row.version + 1, value)
