"""One scrape under its deadline: what is broken, late or stuck breaks only itself."""

import asyncio
import threading
from collections.abc import Callable, Iterable

import pytest
from prometheus_client.metrics_core import Metric

from exporter.clock import SystemClock
from exporter.errors import NoData
from exporter.families import gauge
from exporter.page import build_families
from exporter.runner import Collector, Reading, Runner, State
from exporter.workers import Workers


def fine() -> Iterable[Metric]:
    return [gauge("fine", "Fine.", 1.0)]


def broken() -> Iterable[Metric]:
    # Fails only when half of it has been read.
    yield gauge("half", "Half.", 1.0)
    raise KeyError("gone")


def empty() -> Iterable[Metric]:
    raise NoData("no such thing here")


def runner_of(**reads: Callable[[], Iterable[Metric]]) -> Runner:
    return Runner([Collector(name, read) for name, read in reads.items()], SystemClock(), Workers(2))


def states(readings: tuple[Reading, ...]) -> dict[str, State]:
    return {one.collector: one.state for one in readings}


async def test_a_broken_collector_breaks_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    runner = runner_of(fine=fine, broken=broken, empty=empty)
    readings = await runner.run(5.0)
    assert states(readings) == {"fine": State.OK, "broken": State.ERROR, "empty": State.NODATA}
    assert [family.name for one in readings for family in one.families] == ["fine", "half"]
    await runner.run(5.0)
    assert [record.getMessage() for record in caplog.records] == ["collector broken: KeyError: 'gone'"]


async def test_late_then_stuck_then_well_again() -> None:
    release = threading.Event()

    def slow() -> Iterable[Metric]:
        release.wait(10)
        return fine()

    runner = runner_of(slow=slow, fine=fine)
    assert states(await runner.run(0.05)) == {"slow": State.TIMEOUT, "fine": State.OK}
    assert states(await runner.run(0.05)) == {"slow": State.STUCK, "fine": State.OK}
    release.set()
    well = [states(await runner.run(5.0))["slow"] is State.OK for _ in range(200)]
    assert any(well)


async def test_more_stuck_collectors_than_threads_do_not_starve_the_others() -> None:
    release = threading.Event()

    def slow() -> Iterable[Metric]:
        release.wait(10)
        return []

    runner = runner_of(a=slow, b=slow, c=slow, fine=fine)
    seen = [states(await runner.run(0.05))["fine"] for _ in range(3)]
    release.set()
    assert seen[-1] is State.OK


async def test_concurrent_scrapes_share_one_run() -> None:
    calls: list[int] = []

    def counted() -> Iterable[Metric]:
        calls.append(1)
        return fine()

    runner = runner_of(counted=counted)
    first, second = await asyncio.gather(runner.run(5.0), runner.run(5.0))
    assert first == second
    assert len(calls) == 1


async def test_an_impatient_client_does_not_cancel_the_others_scrape() -> None:
    release = threading.Event()

    def slow() -> Iterable[Metric]:
        release.wait(10)
        return fine()

    runner = runner_of(slow=slow)
    impatient = asyncio.create_task(runner.run(5.0))
    patient = asyncio.create_task(runner.run(5.0))
    await asyncio.sleep(0.02)
    impatient.cancel()
    release.set()
    assert states(await patient) == {"slow": State.OK}


async def test_the_page_says_in_which_state_each_collector_is() -> None:
    families = build_families(await runner_of(fine=fine, empty=empty).run(5.0), node_names=True)
    samples = {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}
    assert samples["node_scrape_collector_success", "fine"] == 1
    assert samples["node_scrape_collector_success", "empty"] == 0
    assert samples["fleetmend_scrape_collector_state", "empty", "nodata"] == 1
    assert samples["fleetmend_scrape_collector_state", "empty", "error"] == 0
