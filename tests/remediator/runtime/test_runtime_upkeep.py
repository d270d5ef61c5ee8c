"""The journal's head is exported, old history goes, and people hear what is low."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from nacl.signing import SigningKey

from remediator.clock import FakeClock
from remediator.journal.heads import FILE, read_head, signed_by, told_before, write_head
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Entry
from remediator.model.host import Host
from remediator.runtime.ledger import Ledger
from remediator.runtime.upkeep import Upkeep
from tests.remediator.builders import NOON, host

KEY = SigningKey(bytes(32))


class SmallDisk(MemoryJournal):
    """Says how full its disk is, and how safe its commits are."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.free: float | None = 0.5
        self.cautious: list[str] = []

    def free_share(self) -> float | None:
        return self.free

    def cautions(self) -> list[str]:
        return self.cautious


def kept(folder: Path, journal: MemoryJournal, clock: FakeClock) -> Upkeep:
    return Upkeep(Ledger(journal), folder, KEY.verify_key, timedelta(days=90), clock)


async def rounds(upkeep: Upkeep, clock: FakeClock, seconds: float) -> None:
    """So many seconds of its work."""
    until = clock.monotonic() + seconds
    task = asyncio.create_task(upkeep.run())
    for _ in range(10_000):
        await asyncio.sleep(0.001)
        if clock.monotonic() >= until:
            break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_head_is_exported_signed_and_again_once_there_is_another(tmp_path: Path) -> None:
    journal, clock = MemoryJournal(KEY), FakeClock(NOON)
    upkeep = kept(tmp_path, journal, clock)
    await upkeep.begin()
    assert upkeep.rewound == ""
    for number in (1, 2):
        journal.commit([], [Entry(NOON, "decision", "d", "h1", {})])
        await rounds(upkeep, clock, 3)
        told = read_head(tmp_path / FILE)
        assert (told.number, told.hash) == (number, journal.head().hash)
        assert signed_by(KEY.verify_key, "", told.number, told.hash, told.signature)
    assert json.loads((tmp_path / FILE).read_text()) == upkeep.head()


async def test_an_older_copy_is_known_by_the_head_that_was_exported(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    newer, older = MemoryJournal(KEY), MemoryJournal(KEY)
    for journal, commits in ((older, 1), (newer, 2)):
        for _ in range(commits):
            journal.commit([], [Entry(NOON, "decision", "d", "h1", {})])
    write_head(tmp_path / FILE, kept(tmp_path, newer, clock).head())
    upkeep = kept(tmp_path, older, clock)
    await upkeep.begin()
    assert upkeep.rewound == "the journal ends at commit 1, its exported head names 2: an older copy"
    # What shows it stays until a person has seen to it.
    older.commit([], [Entry(NOON, "decision", "other", "h1", {})])
    await rounds(upkeep, clock, 3)
    told = told_before(tmp_path)
    assert told is not None
    assert told.hash == newer.head().hash
    again = kept(tmp_path, older, clock)
    await again.begin()
    assert again.rewound == "commit 2 of the journal is another one than its exported head names"
    again.rewound = ""
    await rounds(again, clock, 3)
    assert read_head(tmp_path / FILE).hash == older.head().hash


async def test_a_disk_that_is_nearly_full_and_commits_that_may_not_last_are_doubts(tmp_path: Path) -> None:
    journal = SmallDisk()
    upkeep = kept(tmp_path, journal, FakeClock(NOON))
    await upkeep.look()
    assert (upkeep.doubts(), upkeep.told()) == ({}, [])
    journal.free, journal.cautious = 0.0999, ["the reserve for a full disk is spent"]
    await upkeep.look()
    low = "10.0% of the journal's disk is free, 10% is needed"
    assert upkeep.doubts() == {"DiskLow": low}
    assert upkeep.told() == ["the reserve for a full disk is spent", low]
    journal.free, journal.cautious = None, ["acknowledged requests can be lost: no standby"]
    await upkeep.look()
    assert upkeep.doubts() == {"CanBeLost": "acknowledged requests can be lost: no standby"}
    assert upkeep.told() == ["acknowledged requests can be lost: no standby"]


async def test_history_goes_after_its_time_and_rows_stay(tmp_path: Path) -> None:
    journal, clock = MemoryJournal(KEY), FakeClock(NOON)
    upkeep = kept(tmp_path, journal, clock)
    ledger = Ledger(journal)
    for day in range(4):
        async with ledger.writing() as draft:
            draft.put(host(f"h{day}"))
            draft.note(NOON + timedelta(days=day), "decision", "h1", {}, f"d{day}")
    clock.set(NOON + timedelta(days=91, hours=1))
    await rounds(upkeep, clock, 70)
    assert [entry.id for entry in journal.entries("decision", 9)] == ["d3", "d2"]
    assert len(Ledger(journal).all(Host)) == 4
