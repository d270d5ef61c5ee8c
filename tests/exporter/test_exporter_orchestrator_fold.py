"""Folding a remediator's deltas: the page is the same as if all had been read at once."""

import asyncio
import gzip
import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.compress import deflate, gzip_stretches
from exporter.fakes import FakeRemediator
from exporter.families import Family
from exporter.orchestrator.fold import CHANGING, Fold
from exporter.orchestrator.leaves import Leaves, Rows
from exporter.orchestrator.state import parse_answer
from exporter.render import PLAIN, render_stretches, render_text
from tests.exporter.test_exporter_orchestrator import Page

PAGE_SIZE = 3
SERVICE = {
    "placement": {
        "requests": {"arn": 1},
        "failures": [{"region": "arn", "reason": "memory", "count": 2}],
        "unmet": [],
    },
    "api": [
        {
            "operation": "machines.list", "version": "1", "code": code, "count": 3, "seconds": 0.5,
            "buckets": [[0.1, 1], [1.0, 2]],
        }
        for code in ("200", "500")
    ],
    "undead": [{"host": "a", "region": "arn", "machines": 2, "seconds_total": 1.5}],
    "deploys": [{"version": "1", "at": 5.0}],
}  # fmt: skip


class PagingRemediator:
    """Speaks pages over records in memory; the newest change of a record moves it to the end of its log."""

    def __init__(self, incarnation: str = "one.0") -> None:
        self.incarnation = incarnation
        self.records: dict[str, dict[str, Any]] = {kind: {} for kind in CHANGING}
        self.log: dict[tuple[str, str], int] = {}
        self.newest = 0
        self.fail_after = 1_000_000
        self.service: dict[str, Any] = SERVICE

    def put(self, kind: str, record: dict[str, Any], *, gone: bool = False) -> None:
        key = record[CHANGING[kind]]
        self.newest += 1
        self.log.pop((kind, key), None)
        self.log[kind, key] = self.newest
        if gone:
            self.records[kind].pop(key, None)
        else:
            self.records[kind][key] = record

    def fetch(self, path: str) -> bytes:
        self.fail_after -= 1
        if self.fail_after < 0:
            raise TimeoutError
        query = dict(part.split("=") for part in path.partition("?")[2].split("&"))
        since = int(query["since"]) if query["incarnation"] == self.incarnation else 0
        changed = [(number, key) for key, number in self.log.items() if number > since]
        return json.dumps(self._page(changed)).encode()

    def _page(self, changed: list[tuple[int, tuple[str, str]]]) -> dict[str, Any]:
        page: dict[str, Any] = {kind: [] for kind in CHANGING}
        gone: dict[str, list[str]] = {"kinds of a later version": ["x"]}
        for _, (kind, key) in changed[:PAGE_SIZE]:
            if key in self.records[kind]:
                page[kind].append(self.records[kind][key])
            else:
                gone.setdefault(kind, []).append(key)
        more = len(changed) > PAGE_SIZE
        page |= {"sequence": changed[PAGE_SIZE - 1][0] if more else self.newest, "more": more, "gone": gone}
        return page | {"incarnation": self.incarnation, "unchanged": False} | ({} if more else self.service)


NAMES = st.sampled_from(["a", "b", "c"])
REGIONS = st.sampled_from(["arn", "fra"])
RECORDS = st.one_of(
    st.tuples(st.just("hosts"), st.fixed_dictionaries({
        "name": NAMES, "region": REGIONS, "rack": NAMES, "status": st.sampled_from(["ok", "unknown"]),
        "life": st.sampled_from(["healthy", "dead", "retired"]), "cordoned": st.booleans(),
        "capacity": st.fixed_dictionaries({"cpus": st.sampled_from([0.1, 0.2, 4.0]), "memory_mb": st.integers(0, 9)}),
        "free": st.fixed_dictionaries({"cpus": st.sampled_from([0.1, 0.3]), "disk_mb": st.integers(0, 9)}),
    })),
    st.tuples(st.just("machines"), st.fixed_dictionaries({
        "id": NAMES, "app": NAMES, "host": NAMES, "region": REGIONS, "routable": st.booleans(),
        "state": st.sampled_from(["started", "stopped"]), "recovery": st.sampled_from(["none", "held"]),
    })),
    st.tuples(st.just("volumes"), st.fixed_dictionaries({
        "id": NAMES, "app": NAMES, "host": NAMES, "region": REGIONS, "state": st.just("created"),
        "size_mb": st.integers(0, 9), "used_bytes": st.integers(0, 9),
        "snapshot_at": st.one_of(st.none(), st.integers(0, 99)),
    })),
    st.tuples(st.just("destroys"), st.fixed_dictionaries({
        "machine": NAMES, "host": NAMES, "region": REGIONS, "asked_at": st.integers(0, 99),
        "stage": st.sampled_from(["queued", "verified_absent"]),
    })),
    st.tuples(st.just("migrations"), st.fixed_dictionaries({
        "id": NAMES, "region": REGIONS, "stage": st.sampled_from(["copying", "done"]),
    })),
)  # fmt: skip
CHANGES = st.lists(st.tuples(RECORDS, st.booleans()), max_size=6)


@settings(max_examples=40)
@given(st.lists(CHANGES, max_size=6), st.integers(0, 4))
def test_folding_any_deltas_gives_the_page_of_the_whole(
    rounds: list[list[tuple[tuple[str, dict[str, Any]], bool]]], fails: int
) -> None:
    remediator = PagingRemediator()
    followed = Page(remediator.fetch)
    for number, changes in enumerate(rounds):
        for (kind, record), gone in changes:
            remediator.put(kind, record, gone=gone)
        # One of the reads breaks off in its midst, and the next goes on from there.
        remediator.fail_after = fails if number == 1 else 1_000_000
        followed.read(after=1)
    remediator.fail_after = 1_000_000
    anew = Page(remediator.fetch)
    anew.clock.move(followed.clock.monotonic())
    assert followed.read(after=1) == anew.read(after=1)


def test_a_remediator_that_was_away_and_is_the_same_is_asked_for_what_changed() -> None:
    remediator = PagingRemediator()
    for number in range(5):
        remediator.put("machines", machine(f"m{number}"))
    page = Page(remediator.fetch)
    page.read()
    remediator.fail_after = 0
    assert page.read(after=1) == {"fleetmend_orchestrator_up{}": 0}
    remediator.fail_after = 1
    remediator.put("machines", machine("m9"))
    assert page.read(after=1)["fleetmend_machines{app=web,host=h1,region=arn,state=started}"] == 6


def test_another_incarnation_makes_all_that_was_known_void() -> None:
    first, second = PagingRemediator("one.0"), PagingRemediator("two.0")
    first.put("machines", machine("m1"))
    second.put("machines", machine("m2"))
    now = [first]
    page = Page(lambda path: now[0].fetch(path))
    page.read()
    now[0] = second
    known = [name for name in page.read(after=1) if name.startswith("fleetmend_machine_info")]
    assert known == ["fleetmend_machine_info{app=web,host=h1,machine=m2,region=arn,state=started}"]


def test_durations_are_summed_over_codes() -> None:
    page = Page(PagingRemediator().fetch).read()
    name = "fleetmend_api_request_duration_seconds_bucket{le=%s,operation=machines.list,version=1}"
    assert [page[name % bound] for bound in ("0.1", "1.0", "+Inf")] == [2, 4, 6]


def machine(name: str, state: str = "started") -> dict[str, Any]:
    return {"id": name, "app": "web", "host": "h1", "region": "arn", "state": state}


class Changed:
    """A follower that remembers what it was told."""

    def __init__(self, of: type) -> None:
        self.of: Mapping[type, Any] = {of: None}
        self.told: list[tuple[str, bool, bool]] = []

    def change(self, key: str, old: Any, new: Any) -> None:
        self.told.append((key, old is not None, new is not None))

    def clear(self) -> None:
        self.told.clear()


def test_a_record_that_is_told_again_unchanged_changes_nothing() -> None:
    fold = Fold()
    answer = parse_answer(json.dumps({"sequence": 1, "machines": [machine("m1")]}).encode())
    follower = Changed(type(answer.machines[0]))
    fold.attach(follower)
    fold.apply(answer)
    fold.apply(answer)
    assert follower.told == [("m1", False, True)]


SHAPE = Family("moons", "Moons.", "gauge", ("planet",), [])
LABELS = st.text(max_size=3).map(lambda text: (text,))


@settings(max_examples=40)
@given(st.lists(st.tuples(LABELS, st.integers(-5, 5)), max_size=60), st.integers(1, 200), st.integers(0, 60))
def test_leaves_are_written_as_their_rows_are(adds: list[tuple[tuple[str], int]], count: int, first: int) -> None:
    leaves = Leaves(SHAPE, count)
    for labels, amount in adds[:first]:
        leaves.add(labels, amount, 1)
    leaves.pieces()
    for labels, amount in adds[first:]:
        leaves.add(labels, amount, 1)
    pieces = leaves.pieces()
    sums: dict[tuple[str], float] = {}
    for labels, amount in adds:
        sums[labels] = sums.get(labels, 0.0) + amount
    written = Family("moons", "Moons.", "gauge", ("planet",), pieces)
    fresh = Family("moons", "Moons.", "gauge", ("planet",), rows=list(sums.items()))
    assert sorted(render_text([written]).split(b"\n")) == sorted(render_text([fresh]).split(b"\n"))
    assert gzip.decompress(gzip_stretches(render_stretches([written], PLAIN))) == render_text([written])
    assert sum(len(piece.rows) for piece in pieces) == len(sums)


def test_a_label_set_that_nobody_adds_to_any_more_is_gone() -> None:
    leaves = Leaves(SHAPE, 8)
    leaves.add(("saturn",), 2.0, 1)
    leaves.add(("saturn",), 3.0, 1)
    [piece] = leaves.pieces()
    assert (list(piece.rows), piece.text, piece.deflated) == (
        [(("saturn",), 5.0)], b'moons{planet="saturn"} 5.0\n', deflate(b'moons{planet="saturn"} 5.0\n'),
    )  # fmt: skip
    leaves.add(("saturn",), -2.0, -1)
    leaves.add(("saturn",), -3.0, -1)
    assert leaves.pieces() == []


def test_rows_can_be_looked_at_one_by_one() -> None:
    rows = Rows([{("a",): (1, 2.0, "")}, {("b",): (1, 3.0, "")}])
    assert (len(rows), rows[1], list(rows[:1])) == (2, (("b",), 3.0), [(("a",), 2.0)])


@pytest.mark.parametrize(
    ("query", "has", "has_not"),
    [
        ("", ["fleetmend_machines{", "fleetmend_orchestrator_up"], ["fleetmend_machine_info"]),
        ("?collect[]=machines", ["fleetmend_machine_info"], ["fleetmend_machines{"]),
        ("?exclude[]=work", ["host_inventory_info"], ["fleetmend_machines{"]),
    ],
)
async def test_a_scrape_names_the_parts_that_it_wants(
    query: str, has: list[str], has_not: list[str], start_exporter: Callable[..., str], full_state: dict[str, Any]
) -> None:

    async with FakeRemediator(state=full_state) as remediator:

        def scrape() -> str:
            url = start_exporter("orchestrator", "--state-url", remediator.url)
            with urllib.request.urlopen(f"{url}/metrics{query}", timeout=10) as answer:
                return str(answer.read(), "utf-8")

        page = await asyncio.to_thread(scrape)
    assert all(name in page for name in has)
    assert not any(name in page for name in has_not)


async def test_machines_are_on_by_a_flag_and_dropped_from_a_page_too_large(
    start_exporter: Callable[..., str], full_state: dict[str, Any]
) -> None:

    state = full_state | {"machines": [machine(f"m{number:04d}") for number in range(2_000)]}
    async with FakeRemediator(state=state) as remediator:

        def scrape(*flags: str) -> str:
            url = start_exporter("orchestrator", "--state-url", remediator.url, "--collector.machines", *flags)
            with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
                return str(answer.read(), "utf-8")

        whole = await asyncio.to_thread(scrape)
        trimmed = await asyncio.to_thread(scrape, "--orchestrator.max-page-bytes", "100000")
    assert whole.count("\nfleetmend_machine_info{") == 2_000
    assert "\nfleetmend_machine_info{" not in trimmed
    assert 'fleetmend_orchestrator_dropped_samples{family="fleetmend_machine_info"} 2000.0' in trimmed
    assert "\nfleetmend_machines{" in trimmed
