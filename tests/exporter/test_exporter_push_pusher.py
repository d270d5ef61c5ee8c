"""The pusher against a store, over real HTTP, that misbehaves: nothing is lost, nothing is sent twice for nothing."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from exporter.clock import SystemClock
from exporter.families import gauge
from exporter.push.backlog import Kept, MemoryBacklog
from exporter.push.build import build_format, build_pusher
from exporter.push.flags import Protocol, PushSettings, SpoolSettings
from exporter.push.meters import Meters
from exporter.push.page import Cutter, Page, pack
from exporter.push.pusher import MOST_UNKEPT, Lanes, Pusher
from exporter.push.sender import Client, Lane
from exporter.push.spool import Spool
from exporter.workers import Workers
from tests.exporter.push_site import Act, Site, remote_write_samples, serving_store, text_lines

pytestmark = pytest.mark.slow

WAIT_SECONDS = 10.0
AWAY = Act(manner="reset")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving_store() as served:
        yield served


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> PushSettings:
    labels = {"instance": "h1", "region": "arn"}
    return PushSettings(site.url, 0.2, labels, spool=SpoolSettings(tmp_path / "spool", rate=1e6))


async def collect(_seconds: float) -> Sequence[Metric]:
    return [gauge("room", "Room.", 2.0)]


@asynccontextmanager
async def running(pusher: Pusher) -> AsyncIterator[Pusher]:
    task = asyncio.create_task(pusher.run(collect))
    try:
        yield pusher
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=WAIT_SECONDS)
        assert task.cancelled()


async def wait_until(condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def rows(pusher: Pusher, name: str) -> dict[str, float]:
    """Values by reason; the reason is "" where there is none."""
    samples = [sample for family in pusher.read() for sample in family.samples if sample.name == name]
    return {sample.labels.get("reason", ""): sample.value for sample in samples}


def value(pusher: Pusher, name: str, reason: str = "") -> float:
    return rows(pusher, name)[reason]


def total(pusher: Pusher, name: str) -> float:
    return sum(rows(pusher, name).values())


def build(settings: PushSettings) -> Pusher:
    return build_pusher(settings, SystemClock())


async def test_pages_arrive_with_labels_and_moments(site: Site, settings: PushSettings) -> None:
    async with running(build(settings)) as pusher:
        await wait_until(lambda: len(site.taken()) >= 3)
        # The store has a page a moment before its answer is counted.
        await wait_until(lambda: value(pusher, "fleetmend_push_samples_total") >= 3)
        assert value(pusher, "fleetmend_push_delay_seconds") < WAIT_SECONDS
        assert value(pusher, "fleetmend_push_last_success_timestamp_seconds") > 1.6e9
    first = site.taken()[0]
    assert first.path == "/api/v1/import/prometheus"
    assert first.query["extra_label"] == ["instance=h1", "region=arn"]
    assert first.headers["Content-Encoding"] == "gzip"
    assert text_lines(first) == ["room 2.0"]
    moments = site.moments()
    assert moments == sorted(set(moments))
    # A busy machine is late for one, and not for the next.
    assert moments[2] - moments[0] > 200


@pytest.mark.parametrize("trouble", [Act(500), Act(503), Act(429), AWAY])
async def test_what_was_not_taken_comes_later_at_its_own_time(
    trouble: Act, site: Site, settings: PushSettings
) -> None:
    """Two requests fail; the pages of that time are all taken in the end, and each once."""
    site.behave = lambda number: trouble if number < 2 else Act()
    async with running(build(settings)) as pusher:
        await wait_until(lambda: len(site.requests) > 2)
        await wait_until(lambda: not value(pusher, "fleetmend_push_spool_pages"))
        assert total(pusher, "fleetmend_push_failures_total") == 2
        assert total(pusher, "fleetmend_push_dropped_samples_total") == 0
        sent = value(pusher, "fleetmend_push_samples_total")
    moments = site.moments()
    assert len(moments) == len(set(moments)) >= 2
    tried = {int(one.query["timestamp"][0]) for one in site.requests}
    assert tried == set(moments)
    assert sent >= len(moments) - 2


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_moment(
    site: Site, settings: PushSettings
) -> None:
    site.behave = lambda number: AWAY if number == 0 else Act()

    def again() -> list[list[str]]:
        moment = site.requests[0].query["timestamp"]
        return [text_lines(one) for one in site.taken() if one.query["timestamp"] == moment]

    async with running(build(settings)):
        await wait_until(lambda: bool(site.requests and again()))
        await wait_until(lambda: len(site.taken()) >= 4)
    assert again() == [text_lines(site.requests[0])]


async def test_retry_after_is_honoured_by_old_and_new_pages(site: Site, settings: PushSettings) -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def behave(number: int) -> Act:
        times.append(loop.time())
        return Act(429, {"Retry-After": "1"}) if number == 0 else Act()

    site.behave = behave
    async with running(build(settings)) as pusher:
        await wait_until(lambda: len(times) > 1)
        assert times[1] - times[0] >= 1.0
        await wait_until(lambda: not value(pusher, "fleetmend_push_spool_pages"))
        assert value(pusher, "fleetmend_push_failures_total", "overloaded") == 1
    assert len(site.moments()) >= 5


async def test_a_refused_page_is_never_sent_again(
    site: Site, settings: PushSettings, caplog: pytest.LogCaptureFixture
) -> None:
    site.behave = lambda number: Act(400) if number < 3 else Act()
    with caplog.at_level(logging.WARNING):
        async with running(build(settings)) as pusher:
            await wait_until(lambda: len(site.taken()) >= 2)
            assert value(pusher, "fleetmend_push_failures_total", "refused") == 3
            assert value(pusher, "fleetmend_push_dropped_samples_total", "refused") == 3
    moments = [one.query["timestamp"][0] for one in site.requests]
    assert len(moments) == len(set(moments))
    assert [record.message.count("it answered 400") for record in caplog.records].count(1) == 1


async def test_a_redirect_is_not_followed(site: Site, settings: PushSettings) -> None:
    site.behave = lambda _number: Act(302, {"Location": f"{site.url}/elsewhere"})
    async with running(build(settings)) as pusher:
        await wait_until(lambda: len(site.requests) >= 2)
        assert value(pusher, "fleetmend_push_failures_total", "refused") >= 1
    assert {one.path for one in site.requests} == {"/api/v1/import/prometheus"}


async def test_a_store_that_hangs_delays_one_page_and_loses_none(site: Site, settings: PushSettings) -> None:
    site.behave = lambda number: Act(manner="hang") if number == 0 else Act()
    async with running(build(settings)) as pusher:
        await wait_until(lambda: len(site.taken()) >= 5)
        assert value(pusher, "fleetmend_push_failures_total", "timeout") >= 1
        await wait_until(lambda: not value(pusher, "fleetmend_push_spool_pages"))
    hung = int(site.requests[0].query["timestamp"][0])
    assert site.moments().count(hung) == 1


async def test_new_pages_go_before_old_ones_and_the_newest_of_the_old_first(
    site: Site, settings: PushSettings, tmp_path: Path
) -> None:
    """A backlog of forty pages is paced to a page each 50 ms, so that live pages come in between."""
    fill(tmp_path / "spool", range(1, 41))
    async with running(build(replace(settings, spool=replace(settings.spool, rate=20.0)))) as pusher:
        await wait_until(lambda: not value(pusher, "fleetmend_push_spool_pages"))
        assert value(pusher, "fleetmend_push_delay_seconds") < 0.5
    old = [moment for moment in site.moments() if moment <= 40]
    assert old == list(range(40, 0, -1))
    places = [place for place, moment in enumerate(site.moments()) if moment > 40]
    assert places[0] <= 1
    assert len([place for place in places if place < 40]) >= 4


def fill(folder: Path, moments: Sequence[int]) -> None:
    spool = Spool(folder, 1 << 30, Meters())
    for moment in moments:
        spool.put(pack([b"old 1.0"], moment))
    spool.close()


async def test_one_page_that_the_store_cannot_stand_does_not_hold_up_the_others(
    site: Site, settings: PushSettings, tmp_path: Path
) -> None:
    fill(tmp_path / "spool", range(1, 6))
    site.poison = {5}
    async with running(build(settings)):
        await wait_until(lambda: {1, 2, 3, 4} <= set(site.moments()))
    assert 5 not in site.moments()
    assert len(list((tmp_path / "spool").glob("*.page"))) == 1


async def test_memory_alone_rides_out_a_restart(site: Site, settings: PushSettings) -> None:
    site.behave = lambda number: AWAY if number < 2 else Act()
    async with running(build(replace(settings, spool=SpoolSettings(None, rate=1e6)))) as pusher:
        await wait_until(lambda: len(site.requests) > 2)
        await wait_until(lambda: not value(pusher, "fleetmend_push_spool_pages"))
    assert {int(one.query["timestamp"][0]) for one in site.requests} == set(site.moments())


class HungDisk(MemoryBacklog):
    """A backlog whose disk does not come back until it is let go."""

    def __init__(self, meters: Meters) -> None:
        super().__init__(meters)
        self.let_go = threading.Event()

    def put(self, page: Page) -> None:
        self.let_go.wait(WAIT_SECONDS)
        super().put(page)

    def newest(self, but: AbstractSet[int]) -> Kept | None:
        self.let_go.wait(WAIT_SECONDS)
        return super().newest(but)


async def test_a_disk_that_hangs_does_not_stop_live_pages(site: Site, settings: PushSettings) -> None:
    meters, clock, workers = Meters(), SystemClock(), Workers()
    disk = HungDisk(meters)
    lanes = Lanes(*(Lane("push", Client(settings, build_format(settings), clock), workers) for _ in range(2)))
    pusher = Pusher(settings, lanes, Cutter(marks=False), disk, meters, clock)
    site.behave = lambda number: AWAY if number in {1, 2} else Act()
    async with running(pusher):
        await wait_until(lambda: len(site.taken()) >= 6)
        disk.let_go.set()
        await wait_until(lambda: {int(one.query["timestamp"][0]) for one in site.requests} == set(site.moments()))


async def test_pages_that_a_hung_disk_does_not_take_are_bounded_and_counted(
    site: Site, settings: PushSettings
) -> None:
    """The store is away too: the newest stay in memory."""
    meters, clock, workers = Meters(), SystemClock(), Workers()
    disk = HungDisk(meters)
    lanes = Lanes(*(Lane("push", Client(settings, build_format(settings), clock), workers) for _ in range(2)))
    pusher = Pusher(replace(settings, interval=0.01), lanes, Cutter(marks=False), disk, meters, clock)
    site.behave = lambda _number: AWAY
    async with running(pusher):
        await wait_until(lambda: value(pusher, "fleetmend_push_dropped_samples_total", "queue_full") >= 5)
        site.behave = lambda _number: Act()
        disk.let_go.set()
        await wait_until(lambda: len(site.taken()) >= MOST_UNKEPT - 1)
    assert len(set(site.moments())) == len(site.moments())


async def test_series_end_with_a_clean_stop(site: Site, settings: PushSettings) -> None:
    async with running(build(replace(settings, protocol=Protocol.REMOTE_WRITE))):
        await wait_until(lambda: site.taken())
    before, last = (remote_write_samples(one) for one in site.taken()[-2:])
    assert [sample.labels["__name__"] for sample in last] == ["room"]
    assert last[0].bits == b"\x02\x00\x00\x00\x00\x00\xf0\x7f"
    assert last[0].at > before[0].at
    assert before[0].value == 2.0
    headers = site.taken()[0].headers
    assert headers["Content-Encoding"] == "snappy"
    assert headers["Content-Type"] == "application/x-protobuf"
    assert headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert headers["User-Agent"].startswith("fleetmend-exporter/")


async def test_a_stop_while_the_store_hangs_is_quick_and_keeps_the_pages(
    site: Site, settings: PushSettings, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    site.behave = lambda number: Act() if number == 0 else Act(manner="hang")
    slow = replace(settings, protocol=Protocol.REMOTE_WRITE, interval=5.0)
    async with running(build(slow)):
        await wait_until(lambda: site.taken())
        began = loop.time()
    assert loop.time() - began < 4.0
    assert kept_lines(tmp_path / "spool")[:2] == [[b"room gone"], [b"room 2.0"]]


def kept_lines(folder: Path) -> list[list[bytes]]:
    """The lines of every page that waits, the newest page first; takes them out."""
    spool, found = Spool(folder, 1 << 30, Meters()), []
    while kept := spool.newest(frozenset()):
        found.append(kept.page.lines())
        spool.remove(kept.number)
    spool.close()
    return found
