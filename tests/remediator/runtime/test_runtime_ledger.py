"""The ledger changes through one door, all or nothing, and shows only what is durable."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Conflict, Entry, Row
from remediator.model.errors import TransientError
from remediator.model.host import Host
from remediator.model.machine import Machine
from remediator.runtime.ledger import Ledger
from tests.remediator.builders import NOON, host, machine


class HeldJournal(MemoryJournal):
    """Commits only once it is let go; may refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.go_on = threading.Event()
        self.full = False

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        self.began.set()
        assert self.go_on.wait(10)
        if self.full:
            raise TransientError("journal: database or disk is full")
        super().commit(rows, entries)


async def test_a_ledger_that_reloads_has_what_somebody_else_wrote() -> None:
    journal = MemoryJournal()
    ledger = Ledger(journal)
    async with ledger.writing() as draft:
        draft.put(host("h1"))
    seen = ledger.sequence
    journal.commit([Row("Host", "h1", 1, host("h1", epoch=9)), Row("Host", "h2", 0, host("h2"))], [])
    with pytest.raises(Conflict):
        async with ledger.writing() as draft:
            draft.put(host("h1", epoch=5))
    await ledger.reload()
    assert {key: value.epoch for key, value in ledger.all(Host).items()} == {"h1": 9, "h2": host().epoch}
    assert ledger.changed_since(seen, [Host]).whole
    async with ledger.writing() as draft:
        draft.put(host("h1", epoch=10))
    assert journal.rows()["Host"]["h1"].version == 3
    assert ledger.head() == journal.head()


async def test_a_draft_sees_its_own_changes_and_nobody_else_does() -> None:
    ledger = Ledger(MemoryJournal())
    async with ledger.writing() as draft:
        draft.put(host("h1"), machine("m1"))
        assert draft.get(Host, "h1") == host("h1")
        assert ledger.get(Host, "h1") is None
        assert dict(ledger.all(Machine)) == {}
    assert ledger.get(Host, "h1") == host("h1")
    assert dict(ledger.all(Machine)) == {"m1": machine("m1")}
    await ledger.close()


async def test_nothing_is_visible_before_it_is_durable() -> None:
    journal = HeldJournal()
    ledger = Ledger(journal)

    async def write() -> None:
        async with ledger.writing() as draft:
            draft.put(host("h1"))

    writer = asyncio.create_task(write())
    await asyncio.to_thread(journal.began.wait, 10)
    assert ledger.get(Host, "h1") is None
    journal.go_on.set()
    await writer
    assert ledger.get(Host, "h1") == host("h1")
    await ledger.close()


async def test_a_block_that_raises_writes_nothing() -> None:
    ledger = Ledger(MemoryJournal())
    with pytest.raises(ValueError, match="no"):
        await _failing(ledger)
    assert (ledger.get(Host, "h1"), ledger.sequence, ledger.count()) == (None, 0, 0)
    await ledger.close()


async def _failing(ledger: Ledger) -> None:
    async with ledger.writing() as draft:
        draft.put(host("h1"))
        draft.note(NOON, "host", "h1", {})
        raise ValueError("no")


async def test_a_journal_that_refuses_leaves_the_fold_as_it_was() -> None:
    journal = HeldJournal()
    journal.full = True
    journal.go_on.set()
    ledger = Ledger(journal)
    with pytest.raises(TransientError, match="full"):
        await put(ledger, host("h1"))
    assert ledger.get(Host, "h1") is None
    journal.full = False
    await put(ledger, host("h1"))
    assert ledger.get(Host, "h1") == host("h1")
    await ledger.close()


async def put(ledger: Ledger, *values: object) -> None:
    async with ledger.writing() as draft:
        draft.put(*values)


async def test_a_second_writer_of_the_same_row_conflicts_and_keeps_its_view() -> None:
    journal = MemoryJournal()
    first, second = Ledger(journal), Ledger(journal)
    await put(first, host("h1", epoch=5))
    with pytest.raises(Conflict, match="Host h1"):
        await put(second, host("h1", epoch=6))
    assert second.get(Host, "h1") is None
    assert journal.rows()["Host"]["h1"].value.epoch == 5
    await first.close()
    await second.close()


async def test_what_does_not_differ_is_not_written() -> None:
    ledger = Ledger(MemoryJournal())
    await put(ledger, host("h1"))
    await put(ledger, host("h1"))
    async with ledger.writing() as draft:
        draft.delete(machine("unknown"))
    assert ledger.sequence == 1
    await ledger.close()


async def test_versions_are_kept_over_change_deletion_and_a_restart() -> None:
    journal = MemoryJournal()
    ledger = Ledger(journal)
    for epoch in (1, 2, 3):
        await put(ledger, host("h1", epoch=epoch))
    async with ledger.writing() as draft:
        draft.delete(host("h1"))
        assert draft.get(Host, "h1") is None
    assert ledger.get(Host, "h1") is None
    await put(ledger, host("h1", epoch=9))
    again = Ledger(journal)
    await put(again, host("h1", epoch=10))
    assert journal.rows()["Host"]["h1"].value.epoch == 10
    await ledger.close()
    await again.close()


async def test_an_overlay_lays_changes_of_one_kind_over_what_is_known() -> None:
    ledger = Ledger(MemoryJournal())
    await put(ledger, host("h1"), host("h2"))
    async with ledger.writing() as draft:
        known = dict(ledger.all(Host))
        assert draft.overlay(known, "Host") is known
        draft.put(host("h3"), host("h1", epoch=7), machine("m1"))
        draft.delete(host("h2"))
        laid = draft.overlay(known, "Host")
        assert {name: each.epoch for name, each in laid.items()} == {"h1": 7, "h3": 1}
        assert set(known) == {"h1", "h2"}
    await ledger.close()


async def test_a_caller_that_gives_up_leaves_no_gap_behind() -> None:
    """Its write goes on, and the next writer begins from what it wrote."""
    journal = HeldJournal()
    ledger = Ledger(journal)
    writer = asyncio.create_task(put(ledger, host("h1", epoch=5)))
    await asyncio.to_thread(journal.began.wait, 10)
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.gather(writer, _let_go(journal)), 10)
    async with ledger.writing() as draft:
        known = draft.get(Host, "h1")
        assert known is not None
        assert known.epoch == 5
        draft.put(host("h1", epoch=6))
    assert journal.rows()["Host"]["h1"].value.epoch == 6
    await ledger.close()


async def _let_go(journal: HeldJournal) -> None:
    await asyncio.sleep(0.01)
    journal.go_on.set()


async def test_history_is_written_with_the_rows_and_read_back() -> None:
    ledger = Ledger(MemoryJournal())
    async with ledger.writing() as draft:
        draft.put(host("h1"))
        draft.note(NOON, "host", "h1", {"life": "dead"}, "id")
    (found,) = await ledger.entries("host", 5, subject="h1")
    (short,) = await ledger.entries("row", 5, subject="h1")
    assert (found.id, found.body, ledger.count()) == ("id", {"life": "dead"}, 2)
    assert (short.body["kind"], short.body["new"], short.body["row"]["region"]) == ("Host", True, "arn")
    await ledger.close()


class CutOff(MemoryJournal):
    """A database that nobody reaches any more: a question waits until it is broken off."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def count(self) -> int:
        self.waits.wait(10)
        return 0

    def break_off(self) -> None:
        self.waits.set()


@pytest.mark.slow
async def test_a_journal_that_does_not_answer_keeps_nobody_from_ending() -> None:
    ledger = Ledger(CutOff())
    asking = asyncio.create_task(ledger.ask(lambda journal: journal.count()))
    await asyncio.sleep(0)
    await asyncio.wait_for(ledger.close(), 9)
    assert await asking == 0
