"""The real process: killed, stopped, started twice, away from its store."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from exporter.push.meters import Meters
from exporter.push.spool import Spool
from tests.exporter.push_site import Act, Site, remote_write_samples, serving_store
from tests.store_lab import free_port

pytestmark = pytest.mark.slow

Launch = Callable[..., "subprocess.Popen[str]"]
INTERVAL_SECONDS = 0.5
HEARTBEAT = "fleetmend_heartbeat_timestamp_seconds"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving_store() as served:
        yield served


def flags(url: str, spool: Path, *more: str) -> list[str]:
    every = ["--push.url", url, "--push.interval", str(INTERVAL_SECONDS), "--push.spool.dir", str(spool)]
    few = ["--collector.disable-defaults", "--collector.heartbeat", "--collector.loadavg", "--collector.push"]
    return ["host", "--listen", "127.0.0.1:0", *few, *every, *more]


def started(launch: Launch, *arguments: str) -> "tuple[subprocess.Popen[str], str]":
    """The process, and its page's URL."""
    process = launch(*arguments)
    assert process.stdout is not None
    return process, process.stdout.readline().strip().rpartition(" ")[2]


def wait_for(condition: Callable[[], object], seconds: float = 15.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to pass in time")


def value(page: str, name: str) -> float:
    lines = requests.get(page, timeout=5).text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_kill_9_loses_the_last_interval_at_most(site: Site, launch: Launch, tmp_path: Path) -> None:
    """Away, killed, started again, back: the pages are there without a gap of more than one."""
    port, spool = free_port(), tmp_path / "spool"
    first, page = started(launch, *flags(f"http://127.0.0.1:{port}", spool))
    wait_for(lambda: len(list(spool.glob("*.page"))) >= 6)
    made = value(page, "fleetmend_push_spool_pages")
    first.kill()
    first.wait(timeout=10)
    with serving_store(port) as back:
        second, page = started(launch, *flags(back.url, spool))
        wait_for(lambda: len(back.taken()) > made and not value(page, "fleetmend_push_spool_pages"))
        second.terminate()
        assert second.wait(timeout=10) == 0
        moments = sorted(back.moments())
    assert len(moments) == len(set(moments)) > made
    before = moments[: int(made)]
    gaps = [later - earlier for earlier, later in pairwise(before)]
    assert max(gaps) < 2 * 1000 * INTERVAL_SECONDS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop_pushes_a_last_page_and_the_ends(
    number: signal.Signals, site: Site, launch: Launch, tmp_path: Path
) -> None:
    process, _ = started(launch, *flags(site.url, tmp_path, "--push.protocol", "remote-write"))
    wait_for(lambda: len(site.taken()) >= 2)
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    *_, last, ends = (remote_write_samples(one) for one in site.taken())
    names = {tuple(sorted(sample.labels.items())) for sample in last}
    assert {tuple(sorted(sample.labels.items())) for sample in ends} == names
    assert {sample.bits for sample in ends} == {b"\x02\x00\x00\x00\x00\x00\xf0\x7f"}
    assert HEARTBEAT in {sample.labels["__name__"] for sample in last}
    assert not list(tmp_path.glob("*.page"))


def test_a_stop_while_the_store_hangs_keeps_the_last_page(site: Site, launch: Launch, tmp_path: Path) -> None:
    site.behave = lambda number: Act() if number == 0 else Act(manner="hang")
    process, _ = started(launch, *flags(site.url, tmp_path))
    wait_for(lambda: len(site.requests) >= 2)
    process.terminate()
    assert process.wait(timeout=6) == 0
    spool = Spool(tmp_path, 1 << 30, Meters())
    assert spool.shelf.pages >= 2
    kept = spool.newest(frozenset())
    assert kept is not None
    assert any(line.startswith(HEARTBEAT.encode()) for line in kept.page.lines())
    spool.close()


def test_two_exporters_do_not_share_a_spool(site: Site, launch: Launch, tmp_path: Path) -> None:
    started(launch, *flags(site.url, tmp_path))
    second = launch(*flags(site.url, tmp_path))
    out, err = second.communicate(timeout=20)
    assert (second.returncode, out) == (2, "")
    assert err == f"fleetmend-exporter: --push.spool.dir: {tmp_path} is in use by another exporter\n"


def test_the_page_says_all_of_pushing_from_the_start(launch: Launch, tmp_path: Path) -> None:
    _, page = started(launch, *flags(f"http://127.0.0.1:{free_port()}", tmp_path))
    text = requests.get(page, timeout=5).text
    for reason in ("connection", "timeout", "credentials", "overloaded", "server_error", "refused"):
        assert f'fleetmend_push_failures_total{{reason="{reason}"}}' in text
    for reason in ("refused", "queue_full", "spool_full", "disk_full", "disk_error", "corrupt"):
        assert f'fleetmend_push_dropped_samples_total{{reason="{reason}"}} 0.0' in text
    for name in ("samples_total", "spool_bytes", "spool_pages", "spool_oldest_age_seconds", "delay_seconds"):
        assert f"\nfleetmend_push_{name} " in text


def test_passwords_are_nowhere_in_the_log(launch: Launch, tmp_path: Path) -> None:
    url = f"http://joe:secret@127.0.0.1:{free_port()}/?token=secret"
    process, page = started(launch, *flags(url, tmp_path))
    wait_for(lambda: value(page, 'fleetmend_push_failures_total{reason="connection"}'))
    text = requests.get(page, timeout=5).text
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert "cannot reach it" in err
    assert "secret" not in err + text


@pytest.mark.lab
def test_a_full_disk_keeps_the_newest_and_never_stops_live_pages(launch: Launch, tmp_path: Path) -> None:
    """A spool on a filesystem of its own that is full: away, the newest stay; back, live pages go on."""
    if os.geteuid():
        pytest.skip("NOT ROOT: no filesystem can be filled")
    spool, port = tmp_path / "small", free_port()
    spool.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "spool", str(spool)], check=True, timeout=10)
    try:
        process, page = started(launch, *flags(f"http://127.0.0.1:{port}", spool, "--push.interval", "0.1"))
        full = 'fleetmend_push_dropped_samples_total{reason="disk_full"}'
        wait_for(lambda: value(page, full) > 0, 30.0)
        assert value(page, "fleetmend_push_spool_pages") >= 4
        with serving_store(port) as back:
            wait_for(lambda: len(back.taken()) > 30)
            wait_for(lambda: not value(page, "fleetmend_push_spool_pages"))
            moments = back.moments()
            assert len(moments) == len(set(moments))
            assert value(page, "fleetmend_push_delay_seconds") < 1.0
        process.terminate()
        process.wait(timeout=10)
    finally:
        subprocess.run(["umount", "-l", str(spool)], check=False, timeout=10)
