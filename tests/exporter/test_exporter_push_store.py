"""Pushing to real stores: what was pushed is there, at its own time, once, and ends when we do."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from exporter.clock import SystemClock
from exporter.families import gauge
from exporter.push.build import build_format
from exporter.push.flags import Protocol, PushSettings
from exporter.push.meters import Meters
from exporter.push.page import Cutter, Page, pack
from exporter.push.sender import Client, Push
from exporter.push.spool import Spool
from exporter.render import render_text
from tests.conftest import binary, started, victoria_arguments
from tests.store_lab import free_port, query

pytestmark = pytest.mark.store

# A new series may take ten seconds to be found, and more on a busy machine.
VISIBLE_SECONDS = 40.0
HEARTBEAT = "fleetmend_heartbeat_timestamp_seconds"
LABELS = {"instance": "h1", "region": "arn"}

Launch = Callable[..., "subprocess.Popen[str]"]


@contextmanager
def victoria(folder: Path, *more: str, port: int = 0) -> Iterator[str]:
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    with started(victoria_arguments(port, folder, *more), f"{url}/health", folder / "victoria.log") as process:
        yield url
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def prometheus(folder: Path, out_of_order: str) -> Iterator[str]:
    """With the receiver of remote write, and a window for samples that come late."""
    port = free_port()
    (folder / "prometheus.yml").write_text(f"storage:\n  tsdb:\n    out_of_order_time_window: {out_of_order}\n")
    command = [binary("prometheus"), f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"]
    url = f"http://127.0.0.1:{port}"
    with started([*command, "--web.enable-remote-write-receiver"], f"{url}/-/ready", folder / "prometheus.log"):
        yield url


@pytest.fixture(params=["victoria", "prometheus"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with victoria(tmp_path) if request.param == "victoria" else prometheus(tmp_path, "1h") as url:
        yield url


def poll(ask: Callable[[], Any], seconds: float = VISIBLE_SECONDS) -> Any:
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        if found := ask():
            return found
        time.sleep(0.2)
    return None


def visible(store: str, expression: str) -> list[dict[str, Any]]:
    requests.get(f"{store}/internal/force_flush", timeout=5)
    return query(store, expression)


def exported(store: str, name: str) -> list[tuple[int, float]]:
    """Moments (ms) and values as VictoriaMetrics keeps them, in the order of the moments."""
    requests.get(f"{store}/internal/force_flush", timeout=5)
    text = requests.get(f"{store}/api/v1/export", params={"match[]": name}, timeout=30).text
    series = [json.loads(line) for line in text.splitlines()]
    return sorted(pair for one in series for pair in zip(one["timestamps"], one["values"], strict=True))


def flags(url: str, *more: str) -> list[str]:
    every = ["host", "--push.url", url, "--push.interval", "0.5", "--push.label", "instance=h1"]
    return [*every, "--push.label", "region=arn", *more]


def push(url: str, protocol: Protocol, *pages: Page) -> list[Push]:
    settings = PushSettings(url, 1.0, LABELS, protocol)
    client = Client(settings, build_format(settings), SystemClock())
    outcomes = [client.post(page, 10.0).push for page in pages]
    client.close()
    return outcomes


def test_a_host_pushes_by_the_import_format(tmp_path: Path, start_exporter: Callable[..., str]) -> None:
    with victoria(tmp_path) as store:
        start_exporter(*flags(store))
        (found,) = poll(lambda: visible(store, HEARTBEAT))
    assert found["metric"] == {"__name__": HEARTBEAT, "job": "host", **LABELS}


def test_a_host_pushes_by_remote_write_and_its_series_end_with_it(store: str, launch: Launch) -> None:
    process = launch(*flags(store, "--push.protocol", "remote-write"), "--listen", "127.0.0.1:0")
    (found,) = poll(lambda: visible(store, HEARTBEAT))
    assert found["metric"] == {"__name__": HEARTBEAT, "job": "host", **LABELS}
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    # Without the mark it would stand for five minutes.
    assert poll(lambda: not visible(store, HEARTBEAT), 15.0)


def test_a_series_that_vanished_ends_alone(store: str) -> None:
    now = int(SystemClock().now() * 1000)
    cutter = Cutter(marks=True)
    both = cutter.cut(render_text([gauge("goes", "Goes.", 1.0), gauge("stays", "Stays.", 1.0)]), now - 3000)
    assert push(store, Protocol.REMOTE_WRITE, *both) == [Push.DONE]
    assert poll(lambda: visible(store, "goes") and visible(store, "stays"))
    one = cutter.cut(render_text([gauge("stays", "Stays.", 2.0)]), now - 1000)
    assert push(store, Protocol.REMOTE_WRITE, *one) == [Push.DONE]
    assert poll(lambda: not visible(store, "goes"), 15.0)
    (stays,) = visible(store, "stays")
    assert stays["value"][1] == "2"


def test_every_kind_of_value_and_label_arrives_alike(store: str) -> None:
    now = int(SystemClock().now() * 1000)
    lines = [b'odd{path="C:\\\\x \\"y\\"\\nz",unit="\xc3\xa5"} +Inf', b"tiny 1e-300", b"nan NaN", b"minus -0.5"]
    assert push(store, Protocol.REMOTE_WRITE, pack(lines, now)) == [Push.DONE]
    (odd,) = poll(lambda: visible(store, "odd"))
    assert odd["metric"] == {"__name__": "odd", "path": 'C:\\x "y"\nz', "unit": "å", **LABELS}
    assert odd["value"][1] == "+Inf"
    assert float(visible(store, "tiny")[0]["value"][1]) == 1e-300
    assert visible(store, "minus")[0]["value"][1] == "-0.5"


def test_old_pages_may_follow_new_ones(store: str) -> None:
    now = int(SystemClock().now() * 1000)
    pages = [pack([b"late %d" % number], now - 1000 * number) for number in range(20)]
    assert set(push(store, Protocol.REMOTE_WRITE, *pages)) == {Push.DONE}
    (found,) = poll(lambda: [one for one in visible(store, "count_over_time(late[5m])") if one["value"][1] == "20"])
    assert found["metric"] == LABELS


def test_a_page_sent_twice_is_there_once(tmp_path: Path) -> None:
    """What the docs ask of a VictoriaMetrics: one millisecond of deduplication."""
    with victoria(tmp_path, "-dedup.minScrapeInterval=1ms") as store:
        now = int(SystemClock().now() * 1000)
        page = pack([b"twice 1.0"], now)
        assert push(store, Protocol.IMPORT, page, page) == [Push.DONE, Push.DONE]
        assert poll(lambda: exported(store, "twice")) == [(now, 1.0)]


def test_prometheus_takes_a_page_twice_and_keeps_it_once(tmp_path: Path) -> None:
    with prometheus(tmp_path, "1h") as store:
        now = int(SystemClock().now() * 1000)
        old, new = pack([b"twice 1.0"], now - 5000), pack([b"twice 2.0"], now)
        assert set(push(store, Protocol.REMOTE_WRITE, old, old, new, new, old)) == {Push.DONE}
        assert [one["value"][1] for one in query(store, "count_over_time(twice[1m])")] == ["2"]


def test_prometheus_without_a_window_refuses_what_is_late(tmp_path: Path) -> None:
    with prometheus(tmp_path, "0s") as store:
        now = int(SystemClock().now() * 1000)
        pages = [pack([b"late 1.0"], moment) for moment in (now, now - 5000)]
        assert push(store, Protocol.REMOTE_WRITE, *pages) == [Push.DONE, Push.REFUSED]


@pytest.mark.parametrize("protocol", list(Protocol))
def test_an_outage_leaves_no_gap_and_nothing_twice(protocol: Protocol, tmp_path: Path, launch: Launch) -> None:
    """The store is away for some seconds, the exporter killed and started again meanwhile."""
    port, spool = free_port(), tmp_path / "spool"
    arguments = flags(f"http://127.0.0.1:{port}", "--push.protocol", protocol, "--push.spool.dir", str(spool))
    arguments += ["--listen", "127.0.0.1:0"]
    with victoria(tmp_path, port=port) as store:
        process = launch(*arguments)
        assert poll(lambda: exported(store, HEARTBEAT))
    assert poll(lambda: len(list(spool.glob("*.page"))) >= 5)
    process.kill()
    process.wait(timeout=10)
    process = launch(*arguments)
    kept = len(list(spool.glob("*.page")))
    assert poll(lambda: len(list(spool.glob("*.page"))) >= kept + 3)
    with victoria(tmp_path, port=port) as store:
        assert poll(lambda: not list(spool.glob("*.page")))
        process.terminate()
        assert process.wait(timeout=10) == 0
        moments = [at for at, _ in exported(store, HEARTBEAT)]
    assert len(moments) == len(set(moments)) >= kept + 3
    gaps = sorted(later - earlier for earlier, later in pairwise(moments))
    # One gap is that of the kill and the new start; pages of a busy machine may come late.
    assert gaps[-2] < 1500


def test_what_a_spool_holds_is_sent_to_whatever_store_comes(tmp_path: Path, launch: Launch) -> None:
    """Pages kept for remote write, with ends and NaN in them, go by the import format too."""
    now = int(SystemClock().now() * 1000)
    spool = Spool(tmp_path / "spool", 1 << 20, Meters())
    spool.put(pack([b"kept 1.0", b"ended gone", b"unknown NaN"], now - 60_000))
    spool.close()
    with victoria(tmp_path) as store:
        process = launch(*flags(store, "--push.spool.dir", str(tmp_path / "spool")), "--listen", "127.0.0.1:0")
        assert poll(lambda: exported(store, "kept")) == [(now - 60_000, 1.0)]
        assert (exported(store, "ended"), exported(store, "unknown")) == ([], [])
        process.terminate()
        assert process.wait(timeout=10) == 0
