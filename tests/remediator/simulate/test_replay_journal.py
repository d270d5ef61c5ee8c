"""The past from the journal: what the running ledger writes is enough to begin where the fleet was."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.journal.postgres.journal import PostgresJournal
from remediator.journal.postgres.place import PostgresPlace
from remediator.journal.postgres.reading import reading_at
from remediator.journal.protocol import Journal, JournalUnusable
from remediator.journal.reading import reading
from remediator.journal.sqlite import SqliteJournal
from remediator.model.evidence import Gate, Verdict, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.machine import Machine, MachineState
from remediator.runtime.chronicle import Told, changes, told_of
from remediator.runtime.ledger import Ledger
from remediator.simulate.replay.journal import past_of
from remediator.simulate.replay.past import Past, Stretch
from tests.remediator.builders import NOON, SECOND, dead, host, machine, volume

LATER = Stretch(NOON + 10 * SECOND, NOON + timedelta(hours=1))


async def written(folder: Path) -> None:
    await written_to(SqliteJournal(folder))


async def written_to(journal: Journal) -> None:
    """A fleet of one host; ten seconds after noon it dies, its machine is recreated, an owner makes another."""
    ledger = Ledger(journal)
    async with ledger.writing() as draft:
        draft.put(host("h1"), machine("m1"), volume("v1"))
        draft.note(NOON, "gate", "store", {"open": True, "reason": ""})
    lost = NOON + 20 * SECOND
    async with ledger.writing() as draft:
        moved = replace(host("h1"), life=Life.DEAD, since=lost, died_at=lost)
        draft.put(moved, machine("m2", "h2", replaces="m1", created_at=lost, updated_at=lost))
        draft.note(lost, "host", "h1", {"life": "dead", "status": "unreachable", "votes": {"p2": "silent"}})
        draft.note(lost, "gate", "store", {"open": False, "reason": "late"})
    async with ledger.writing() as draft:
        born = lost + SECOND
        draft.put(machine("m3", "h2", app="api", created_at=born, updated_at=born))
        draft.note(born, "condemned", "m1", {"host": "h1", "origin": "owner", "why": "asked for"})
    await ledger.close()


async def test_the_fleet_begins_as_it_was_and_befalls_it_what_befell_it(tmp_path: Path) -> None:
    await written(tmp_path)
    with reading(tmp_path) as journal:
        past = past_of(journal, LATER)
    assert past.rows["Host"]["h1"].life is Life.HEALTHY
    assert past.rows["Host"]["h1"].capacity == host("h1").capacity
    told: Machine = past.rows["Machine"]["m1"]
    assert (told.state, told.sealed is not None, told.asks) == (MachineState.STARTED, True, machine("m1").asks)
    assert set(past.rows["Machine"]) == {"m1"}
    assert set(past.rows["Volume"]) == {"v1"}
    assert {(each.kind, each.subject) for each in past.befell} == {
        ("host", "h1"),
        ("heard", "h1"),
        ("gate", "store"),
        ("machine", "m3"),
        ("destroyed_by", "m1"),
    }
    assert past.closed(LATER) == [(NOON + 20 * SECOND, LATER.end)]
    assert past.names["m2"] == "web/name-m2"


async def test_what_lies_in_the_journal_holds_no_config_and_no_sealed_box(tmp_path: Path) -> None:
    ledger = Ledger(SqliteJournal(tmp_path))
    async with ledger.writing() as draft:
        draft.put(machine("m1", config={"guest": {"cpus": 1}, "env": {"TOKEN": "swordfish"}}))
    (entry,) = await ledger.entries("row", 5)
    await ledger.close()
    assert "swordfish" not in str(entry.body)
    assert "box" not in entry.body["row"]


async def test_a_row_that_says_the_same_in_short_is_not_told_again(tmp_path: Path) -> None:
    ledger = Ledger(SqliteJournal(tmp_path))
    async with ledger.writing() as draft:
        draft.put(machine("m1"))
    async with ledger.writing() as draft:
        draft.put(replace(machine("m1"), port=80))
    assert len(await ledger.entries("row", 9)) == 1
    async with ledger.writing() as draft:
        draft.delete(machine("m1"))
    assert (await ledger.entries("row", 9))[0].body["gone"] is True
    await ledger.close()


def test_gate_freeze_term_policy_and_verdicts_are_told_when_they_change() -> None:
    alive = Verdict("h1", VerdictKind.PARTITIONED, NOON, "one sees it")
    fleet = Fleet(hosts={"h1": dead("h1")}, verdicts={"h1": alive}, gate=Gate(True, "", NOON), term_began=NOON)
    told = told_of(fleet, "digest")
    kinds = [entry.kind for entry in changes(Told(), told, fleet, NOON)]
    assert kinds == ["gate", "anew", "policy", "verdict"]
    assert changes(told, told, fleet, NOON) == []
    frozen = replace(fleet, frozen="by hand", backlog_since={"host_dead": NOON})
    assert [e.kind for e in changes(told, told_of(frozen, "digest"), frozen, NOON)] == ["freeze", "backlog"]


async def test_a_journal_of_before_there_was_history_is_rolled_back(tmp_path: Path) -> None:
    book = SqliteJournal(tmp_path)
    ledger = Ledger(book)
    async with ledger.writing() as draft:
        gone = replace(machine("m1"), state=MachineState.DESTROYED, condemned_at=NOON + 30 * SECOND)
        draft.put(dead("h1"), gone)
    book._db.execute("DELETE FROM entries")
    await ledger.close()
    with reading(tmp_path) as journal:
        past: Past = past_of(journal, LATER)
    assert past.rows["Host"]["h1"].life is Life.HEALTHY
    assert past.rows["Machine"]["m1"].state is MachineState.STARTED


def test_a_folder_without_a_journal_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="there is no journal"), reading(tmp_path):
        pass
    (tmp_path / "journal.db").write_bytes(b"no database" * 100)
    with pytest.raises(JournalUnusable, match="not a database"), reading(tmp_path):
        pass


async def test_a_pruned_journal_tells_the_same_of_what_came_later(tmp_path: Path) -> None:
    await written(tmp_path)
    after = Stretch(NOON + timedelta(minutes=5), NOON + timedelta(hours=1))
    with reading(tmp_path) as journal:
        before = past_of(journal, after)
    book = SqliteJournal(tmp_path)
    assert book.prune(NOON + timedelta(days=1), 100) == 2
    book.close()
    with reading(tmp_path) as journal:
        assert past_of(journal, after) == before
        earlier = past_of(journal, LATER)
    assert before.rows["Host"]["h1"].life is Life.DEAD
    assert earlier.notes == [
        "what the journal told until 2026-08-01 12:00:20 was pruned: there only its snapshot speaks"
    ]


@pytest.mark.store
async def test_a_journal_in_postgresql_tells_the_same(tmp_path: Path, postgres_place: PostgresPlace) -> None:
    await written(tmp_path)
    await written_to(PostgresJournal(postgres_place, alone=True))
    with reading(tmp_path) as journal:
        here = past_of(journal, LATER)
    with reading_at(postgres_place, "fleet") as journal:
        assert past_of(journal, LATER) == here
    with reading_at(postgres_place, "other") as journal:
        assert past_of(journal, LATER).rows["Host"] == {}
