"""The store's canaries before real stores, one of which is killed and comes back."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from exporter.clock import SystemClock
from exporter.store.flags import HEARTBEAT, StoreSettings
from exporter.store.service import Watcher
from tests.conftest import started, victoria_arguments
from tests.exporter.test_exporter_store import told
from tests.store_lab import free_port

pytestmark = pytest.mark.store
SECONDS = 30


def watch(url: str, kind: str = "victoria-metrics", heartbeat: str = 'max(beat{job="canary"})') -> Watcher:
    queries = ((HEARTBEAT, heartbeat), ("up", "count(up)"))
    return Watcher(StoreSettings(url, f"{url}/metrics", kind, queries, timeout=5.0), SystemClock())


async def rounds_until(watcher: Watcher, holds: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """The page once it ``holds``, or the last one."""
    for _ in range(SECONDS * 2):
        await watcher.round()
        if holds(page := told(watcher)):
            return page
        await asyncio.sleep(0.5)
    return page


def beat(url: str, at: float) -> None:
    line = f'beat{{job="canary"}} {at}'
    requests.post(f"{url}/api/v1/import/prometheus", data=line, timeout=5).raise_for_status()
    requests.get(f"{url}/internal/force_flush", timeout=5).raise_for_status()


async def test_a_heartbeat_is_read_back_from_victoria_metrics(victoria_metrics: str) -> None:
    now = time.time()  # noqa: TID251
    await asyncio.to_thread(beat, victoria_metrics, now)
    watcher = watch(victoria_metrics)
    page = await rounds_until(watcher, lambda page: "fleetmend_store_heartbeat_age_seconds{}" in page)
    assert 0 <= page["fleetmend_store_heartbeat_age_seconds{}"] < SECONDS + 5
    assert page["fleetmend_store_up{}"] == 1
    assert page["fleetmend_store_canary_success{query=up}"] == 1
    assert page["fleetmend_store_series{}"] >= 0
    assert now - 3600 < page["fleetmend_store_start_timestamp_seconds{}"] < now + 60


async def test_prometheus_is_asked_the_same(start_prometheus: Callable[[str], str]) -> None:
    port = free_port()
    config = "scrape_configs:\n- job_name: self\n  scrape_interval: 1s\n  static_configs:\n"
    url = await asyncio.to_thread(start_prometheus, config + f'  - targets: ["127.0.0.1:{port}"]\n')
    watcher = watch(url, "prometheus", "max(timestamp(up))")
    page = await rounds_until(watcher, lambda page: "fleetmend_store_heartbeat_age_seconds{}" in page)
    assert page["fleetmend_store_heartbeat_age_seconds{}"] < SECONDS
    assert page["fleetmend_store_up{}"] == 1
    assert page["fleetmend_store_series{}"] > 0
    assert page["fleetmend_store_start_timestamp_seconds{}"] > 0


async def test_a_query_that_the_store_refuses_is_an_error_of_http(victoria_metrics: str) -> None:
    watcher = watch(victoria_metrics, heartbeat="sum(")
    await watcher.round()
    page = told(watcher)
    assert page[f"fleetmend_store_canary_errors_total{{query={HEARTBEAT},reason=http}}"] == 1
    assert page["fleetmend_store_up{}"] == 1


async def test_a_killed_store_is_seen_down_and_its_return_as_a_restart(
    own_victoria_metrics: tuple[str, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    url, process = own_victoria_metrics
    watcher = watch(url)
    await watcher.round()
    assert told(watcher)["fleetmend_store_up{}"] == 1
    process.kill()
    process.wait(timeout=10)
    await watcher.round()
    page = told(watcher)
    assert page["fleetmend_store_up{}"] == 0
    assert page["fleetmend_store_canary_errors_total{query=up,reason=unreachable}"] == 1
    # Starts are told in whole seconds.
    await asyncio.sleep(2.1)
    arguments = victoria_arguments(int(url.rpartition(":")[2]), tmp_path)
    with started(arguments, f"{url}/health", tmp_path / "log-again"):
        page = await rounds_until(watcher, lambda page: page["fleetmend_store_restarts_total{}"] == 1)
    assert page["fleetmend_store_restarts_total{}"] == 1
    assert page["fleetmend_store_up{}"] == 1
