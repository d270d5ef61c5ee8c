"""The agent's durable state: one SQLite file on the host's own disk, apart from that of its machines.

What ``write`` has returned from is on disk. Writes that arrive together are committed together, so that fifty
machines cost one sync, not fifty.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from remediator.agent.record import MachineRecord, VolumeRecord
from remediator.model.errors import BadInput, Problem, TransientError

VERSION = 1
RESULTS_KEPT = 1000
_SCHEMA = """
CREATE TABLE machines (id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE volumes (id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE results (number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, body BLOB NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, body BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One statement of a write; one that ``forgets`` takes away what must be nowhere on the disk soon after."""

    sql: str
    values: tuple[str | bytes | int, ...] = ()
    forgets: bool = False


_T = TypeVar("_T")


def put_machine(record: MachineRecord) -> Change:
    return Change("INSERT OR REPLACE INTO machines VALUES (?, ?)", (record.id, msgspec.json.encode(record)))


def drop_machine(machine: str) -> Change:
    return Change("DELETE FROM machines WHERE id = ?", (machine,), forgets=True)


def put_volume(record: VolumeRecord) -> Change:
    return Change("INSERT OR REPLACE INTO volumes VALUES (?, ?)", (record.id, msgspec.json.encode(record)))


def drop_volume(volume: str) -> Change:
    return Change("DELETE FROM volumes WHERE id = ?", (volume,))


def put_fact(name: str, value: object) -> Change:
    return Change("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, msgspec.json.encode(value)))


def put_result(key: str, result: dict[str, Any]) -> Change:
    return Change("INSERT OR IGNORE INTO results (key, body) VALUES (?, ?)", (key, msgspec.json.encode(result)))


def forget_old_results() -> Change:
    return Change("DELETE FROM results WHERE number <= (SELECT MAX(number) FROM results) - ?", (RESULTS_KEPT,))


class Store:
    """Opens, or makes, the state in a folder that belongs to one agent at a time.

    Raises:
        BadInput: written by a newer version, damaged, or not to be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "agent.db"
        self._pending: list[Change] = []
        self._next: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        # A thread goes on when who waits for it is cancelled; closed under its hands, SQLite takes us all down.
        self._used = threading.Lock()
        # What an earlier life has dropped may lie in its log.
        self._forgot = True
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise BadInput([Problem(str(self._path), 0, 0, f"the state cannot be opened: {error}")]) from error

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            text = f"written by a newer version (format {found}, this one reads {VERSION})"
            raise BadInput([Problem(str(self._path), 0, 0, text)])
        if not found:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def machines(self) -> list[MachineRecord]:
        return [msgspec.json.decode(body, type=MachineRecord) for (body,) in self._rows("machines")]

    def volumes(self) -> list[VolumeRecord]:
        return [msgspec.json.decode(body, type=VolumeRecord) for (body,) in self._rows("volumes")]

    def fact(self, name: str, kind: type[_T], default: _T) -> _T:
        row = self._db.execute("SELECT body FROM facts WHERE name = ?", (name,)).fetchone()
        return msgspec.json.decode(row[0], type=kind) if row else default

    def results(self) -> dict[str, dict[str, Any]]:
        rows = self._db.execute("SELECT key, body FROM results ORDER BY number").fetchall()
        return {key: msgspec.json.decode(body) for key, body in rows}

    async def write(self, *changes: Change) -> None:
        """All of these or none, on disk when it returns.

        Raises:
            TransientError: the disk did not take them.
        """
        self._pending.extend(changes)
        if self._next is None:
            self._next = asyncio.create_task(self._commit_next())
        await asyncio.shield(self._next)

    async def _commit_next(self) -> None:
        async with self._turn:
            # Until here others could join; from here on they wait for the next commit.
            batch, self._pending, self._next = self._pending, [], None
            await asyncio.to_thread(self._alone, partial(self._commit, batch))

    def _commit(self, batch: list[Change]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for change in batch:
                self._db.execute(change.sql, change.values)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise TransientError(f"the agent's state cannot be written: {error}") from error
        self._forgot = self._forgot or any(change.forgets for change in batch)

    async def forget(self) -> None:
        """Leave nothing of dropped machines in the log: their configs held secrets. Costs nothing where none was."""
        async with self._turn:
            if self._forgot:
                await asyncio.to_thread(self._alone, self._checkpoint)

    def _checkpoint(self) -> None:
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise TransientError(f"the agent's state cannot be written: {error}") from error
        self._forgot = False

    def _alone(self, use: Callable[[], None]) -> None:
        with self._used:
            use()

    def close(self) -> None:
        self._alone(self._db.close)

    def _rows(self, table: str) -> Iterable[tuple[bytes]]:
        return self._db.execute(f"SELECT body FROM {table}").fetchall()  # noqa: S608  (a name of ours)
