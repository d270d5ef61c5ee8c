"""The state feed: whoever folds its pages has the state, however far behind, however often it changed."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.api.control import Changes, Placements
from remediator.api.fakes.control import FakeControl
from remediator.api.requests import RequestCounter
from remediator.api.state.docs import capacity_doc
from remediator.api.state.feed import StateFeed
from remediator.api.state.log import ChangeLog
from remediator.journal.memory import MemoryJournal
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, Life
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.request import Destroy, DestroyStage, Migration, MigrationStage, Origin
from remediator.runtime.ledger import Ledger
from remediator.runtime.recent import Recent
from tests.remediator.builders import NOON, host, machine

RECORDS = {
    "hosts": "name",
    "machines": "id",
    "volumes": "id",
    "destroys": "machine",
    "migrations": "id",
    "bursts": "id",
}


class LedgerControl(FakeControl):
    """A control whose rows are a real ledger's, as the runtime's are."""

    ledger: Ledger

    def changed(self, since: int, kinds: Sequence[type]) -> Changes:
        return self.ledger.changed_since(since, kinds)


@dataclass
class Reader:
    """Folds pages as they come, from JSON, and starts anew under another incarnation."""

    feed: StateFeed
    incarnation: str = ""
    sequence: int = 0
    records: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in RECORDS})
    service: dict[str, Any] = field(default_factory=dict)
    pages: list[dict[str, Any]] = field(default_factory=list)

    async def read(self, most_pages: int = 1_000) -> None:
        for _ in range(most_pages):
            page = json.loads(msgspec.json.encode(await self.feed.delta(self.incarnation, self.sequence)))
            self._fold(page)
            if not page["more"]:
                return

    def _fold(self, page: dict[str, Any]) -> None:
        self.pages.append(page)
        if page["incarnation"] != self.incarnation:
            self.records = {kind: {} for kind in RECORDS}
        self.incarnation, self.sequence = page["incarnation"], page["sequence"]
        for kind, identifier in RECORDS.items():
            self.records[kind] |= {record[identifier]: record for record in page.get(kind, [])}
            for gone in page["gone"].get(kind, []):
                self.records[kind].pop(gone, None)
        self.service |= {name: page[name] for name in ("placement", "api", "undead", "deploys") if name in page}

    async def holds_all(self, told: StateFeed) -> bool:
        whole = json.loads(await told.whole(0))
        mine = {kind: {record[key]: record for record in whole[kind]} for kind, key in RECORDS.items()}
        return mine == self.records and self.service == {name: whole[name] for name in self.service}


def build_control() -> LedgerControl:
    control = LedgerControl(NOON)
    control.ledger = Ledger(MemoryJournal())
    return control


def build_feed(control: FakeControl, page: int = 3, most_gone: int = 4) -> StateFeed:
    return StateFeed(control, RequestCounter(lambda: 0.0), {}, page, most_gone)


NAMES = st.sampled_from(["a", "b", "c", "d"])
HOSTS = st.builds(host, NAMES, life=st.sampled_from(Life), region=st.sampled_from(["arn", "fra"]))
MACHINES = st.builds(
    lambda name, on, state, cpus: machine(name, on, state=state, config={"guest": {"cpus": cpus}}),
    NAMES, NAMES, st.sampled_from(MachineState), st.integers(1, 3),
)  # fmt: skip
VOLUMES = st.builds(
    lambda name, on, size: Volume(name, "db", name, "arn", on, size, NOON), NAMES, NAMES, st.integers(1, 9)
)
SNAPSHOTS = st.builds(
    lambda name, volume, minutes, state: Snapshot(
        name, volume, "db", NOON - timedelta(minutes=minutes), 1, "", state=state
    ),
    NAMES, NAMES, st.integers(0, 9), st.sampled_from(["created", "failed"]),
)  # fmt: skip
DESTROYS = st.builds(
    lambda name, on, stage: Destroy(name, "web", on, Origin.OWNER, "", NOON, stage),
    NAMES, NAMES, st.sampled_from(DestroyStage),
)  # fmt: skip
MIGRATIONS = st.builds(
    lambda name, moved, source, target, stage: Migration(name, moved, "web", source, target, NOON, "", stage),
    NAMES, NAMES, NAMES, NAMES, st.sampled_from(MigrationStage),
)  # fmt: skip
ROWS = st.one_of(HOSTS, MACHINES, VOLUMES, SNAPSHOTS, DESTROYS, MIGRATIONS)
WRITES = st.lists(st.tuples(ROWS, st.booleans()), max_size=6)
# What is written, and how many pages each of two readers then reads.
STEPS = st.lists(st.tuples(WRITES, st.integers(0, 2), st.integers(0, 2)), max_size=12)


async def write(ledger: Ledger, rows: list[tuple[Any, bool]]) -> None:
    async with ledger.writing() as draft:
        for row, keep in rows:
            stored = draft.get(type(row), getattr(row, RECORDS.get(f"{type(row).__name__.lower()}s", "id")))
            if keep:
                draft.put(row)
            elif stored is not None:
                draft.delete(row)


def rooms(reader: Reader) -> dict[str, Any]:
    return {name: record["free"] for name, record in reader.records["hosts"].items()}


def rooms_of(ledger: Ledger) -> dict[str, Any]:
    """What the engine says that is free."""
    fleet = Fleet(machines=ledger.all(Machine), volumes=ledger.all(Volume), migrations=ledger.all(Migration))
    return {name: capacity_doc(fleet.free_on(each)) for name, each in ledger.all(Host).items()}


async def play(steps: list[tuple[list[tuple[Any, bool]], int, int]]) -> None:
    control = build_control()
    feed = build_feed(control)
    readers = [Reader(feed), Reader(feed)]
    for rows, *pages in steps:
        await write(control.ledger, rows)
        for reader, most in zip(readers, pages, strict=True):
            await reader.read(most)
    for reader in [*readers, Reader(feed)]:
        await reader.read()
        assert rooms(reader) == rooms_of(control.ledger)
        # A feed that has seen nothing of the way here says the same.
        assert await reader.holds_all(build_feed(control))
        assert await reader.holds_all(feed)
    await control.ledger.close()


@settings(max_examples=60)
@given(STEPS)
def test_folding_any_deltas_gives_the_whole_state(steps: list[tuple[list[tuple[Any, bool]], int, int]]) -> None:
    asyncio.run(play(steps))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), NAMES), max_size=40), st.integers(1, 5))
def test_the_log_names_each_record_once_and_forgets_only_what_is_gone(
    changes: list[tuple[bool, str]], most_gone: int
) -> None:
    log = ChangeLog(100, most_gone)
    last: dict[str, bool] = {}
    for gone, name in changes:
        if not gone or name in last:
            last[name] = gone
        log.add(("machines", name), gone=gone)
    told = [key[1] for _, key in log.after(0)]
    numbers = [number for number, _ in log.after(0)]
    assert len(told) == len(set(told))
    assert all(one < other for one, other in pairwise(numbers))
    assert {name for name, gone in last.items() if not gone} <= set(told)
    assert sum(log.is_gone(("machines", name)) for name in told) <= most_gone


async def test_a_change_is_told_alone() -> None:
    control = build_control()
    feed = build_feed(control, page=100)
    reader = Reader(feed)
    await write(control.ledger, [(host("h1"), True), *((machine(f"m{number}"), True) for number in range(9))])
    await reader.read()
    await write(control.ledger, [(replace(machine("m3"), state=MachineState.STOPPED), True)])
    await reader.read()
    page = reader.pages[-1]
    assert [record["id"] for record in page["machines"]] == ["m3"]
    assert not {"hosts", "volumes", "placement", "api"} & set(page)
    assert page["gone"] == {}
    await reader.read()
    assert reader.pages[-1] == {
        "sequence": page["sequence"],
        "incarnation": page["incarnation"],
        "unchanged": True,
        "more": False,
        "gone": {},
    }


async def test_pages_are_bounded_and_come_in_order() -> None:
    control = build_control()
    reader = Reader(build_feed(control, page=4))
    await write(control.ledger, [(machine(f"m{number}"), True) for number in range(10)])
    await reader.read()
    assert [len(page.get("machines", [])) for page in reader.pages] == [4, 4, 2]
    assert [page["more"] for page in reader.pages] == [True, True, False]


async def test_what_a_host_means_for_its_machines_is_told_with_them() -> None:
    control = build_control()
    reader = Reader(build_feed(control, page=100))
    await write(control.ledger, [(host("h1"), True), (machine("m1", "h1"), True)])
    await reader.read()
    assert reader.records["machines"]["m1"]["routable"] is True
    await write(control.ledger, [(host("h1", life=Life.DEAD), True)])
    await reader.read()
    assert reader.records["machines"]["m1"]["routable"] is False


async def test_a_migration_takes_room_where_it_goes() -> None:
    control = build_control()
    reader = Reader(build_feed(control, page=100))
    big = machine("m1", "h1", config={"guest": {"cpus": 2, "memory_mb": 512}})
    roomy = [host(name, capacity=Capacity(8.0, 8192, 8192)) for name in ("h1", "h2")]
    await write(control.ledger, [(row, True) for row in (*roomy, big)])
    await reader.read()
    moving = Migration("x", "m1", "web", "h1", "h2", NOON, "", MigrationStage.COPYING)
    await write(control.ledger, [(moving, True)])
    await reader.read()
    assert reader.records["hosts"]["h2"]["free"]["cpus"] == 6.0
    await write(control.ledger, [(replace(moving, stage=MigrationStage.DONE), True)])
    await reader.read()
    assert reader.records["hosts"]["h2"]["free"]["cpus"] == 8.0


async def test_a_restarted_remediator_has_another_name() -> None:
    control = build_control()
    reader = Reader(build_feed(control))
    await write(control.ledger, [(machine("m1"), True)])
    await reader.read()
    reader.feed = build_feed(control)
    reader.records["machines"]["ghost"] = {}
    await reader.read()
    assert set(reader.records["machines"]) == {"m1"}


async def test_a_reader_too_far_behind_begins_anew() -> None:
    control = build_control()
    feed = build_feed(control, page=100, most_gone=2)
    reader, ids = Reader(feed), [f"m{number}" for number in range(6)]
    await write(control.ledger, [(machine(name), True) for name in ids])
    await reader.read()
    for name in ids[:5]:
        await write(control.ledger, [(machine(name), False)])
        await Reader(feed).read()
    await reader.read()
    assert set(reader.records["machines"]) == {"m5"}
    assert reader.pages[0]["incarnation"] != reader.pages[-1]["incarnation"]


@pytest.mark.parametrize("incarnation", ["", ".", "x.1", "x.²", f"{'9' * 40}.{'9' * 40}"])
async def test_a_name_that_nobody_gave_means_a_beginning(incarnation: str) -> None:
    control = build_control()
    await write(control.ledger, [(machine("m1"), True)])
    page = await build_feed(control).delta(incarnation, 10**18)
    assert [record["id"] for record in page["machines"]] == ["m1"]


async def test_void_lines_of_the_log_are_left_out_in_time() -> None:
    log = ChangeLog(0)
    for number in range(30_000):
        log.add(("machines", f"m{number % 10}"))
        if number % 1_000 == 0:
            await log.tidy()
    assert len(log._keys) <= 2 * 10 + 10_000 + 1_000
    assert len(list(log.after(0))) == 10


def test_a_ledgers_memory_of_changes_is_bounded_and_says_so() -> None:
    recent = Recent(limit=3)
    for number in range(1, 6):
        recent.add(number, "Machine", f"m{number}")
    assert recent.since(1) is None
    assert recent.since(2) == {("Machine", "m3"), ("Machine", "m4"), ("Machine", "m5")}
    assert recent.since(5) == set()


async def test_the_service_is_told_when_it_changes() -> None:
    control = build_control()
    reader = Reader(build_feed(control, page=100))
    await reader.read()
    control.placed = Placements({"arn": 3}, {("arn", "memory"): 1}, {})
    await reader.read()
    assert reader.pages[-1]["placement"]["requests"] == {"arn": 3}
    assert "machines" not in reader.pages[-1]


async def test_a_fleet_that_is_replaced_is_compared() -> None:
    control = FakeControl(NOON, Fleet(hosts={"h1": host("h1")}, machines={"m1": machine("m1"), "m2": machine("m2")}))
    reader = Reader(build_feed(control, page=100))
    await reader.read()
    control.world = replace(control.world, machines={"m2": control.world.machines["m2"]})
    await reader.read()
    assert reader.pages[-1]["gone"] == {"machines": ["m1"]}
    assert "machines" not in reader.pages[-1]
