"""The store's canaries before stores that are sick: each kind of sickness has its reason, and none holds us up."""

import asyncio
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from exporter.cli import build_parser, main
from exporter.clock import FakeClock, SystemClock
from exporter.store.answers import NoAnswer, Reason, parse_metric, parse_series_count, parse_value
from exporter.store.canary import Canary, Outcome
from exporter.store.flags import HEARTBEAT, StoreSettings, build_store, default_metrics_url
from exporter.store.memory import Memory
from exporter.store.service import Watcher
from exporter.workers import Workers

pytestmark = pytest.mark.slow

TIMEOUT = 0.3


def vector(*values: object, **more: object) -> str:
    elements = [{"metric": {}, "value": [0, str(value)]} for value in values]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": elements}} | more)


class Sick:
    """A store over HTTP that answers as it is told; ``status`` 0 hangs, and -1 sends a byte now and then."""

    def __init__(self) -> None:
        self.status = 200
        self.body = vector(1)
        self.page = "vm_app_start_timestamp 1000\n"
        self.asked: list[tuple[str, str]] = []
        self.url = ""
        self.ended = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append((request.path, request.headers.get("Authorization", "")))
        if self.status == 0:
            self.ended.wait(30)
            return
        body = self.page if request.path.startswith("/metrics") else self.body
        request.send_response(200 if self.status == -1 else self.status)
        request.end_headers()
        while self.status == -1 and not self.ended.wait(TIMEOUT / 5):
            request.wfile.write(b" ")
            request.wfile.flush()
        request.wfile.write(body.encode())


@contextmanager
def running(sick: Sick) -> Iterator[Sick]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                sick.answer(self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        sick.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield sick
        finally:
            sick.ended.set()
            server.shutdown()
            thread.join(timeout=5)


@pytest.fixture
def sick() -> Iterator[Sick]:
    with running(Sick()) as started:
        yield started


def settings_for(url: str, **more: Any) -> StoreSettings:
    queries = ((HEARTBEAT, "max(beat)"), ("up", "count(up)"))
    return replace(StoreSettings(url, f"{url}/metrics", queries=queries, timeout=TIMEOUT), **more)


def told(watcher: Watcher) -> dict[str, float]:
    """Samples by their text."""
    return {
        one.name + "{" + ",".join(f"{name}={value}" for name, value in sorted(one.labels.items())) + "}": one.value
        for family in watcher.memory.read()
        for one in family.samples
    }


async def look(url: str, **more: Any) -> dict[str, float]:
    watcher = Watcher(settings_for(url, **more), SystemClock())
    await watcher.round()
    return told(watcher)


async def test_a_store_that_is_well(sick: Sick) -> None:
    now = time.time()  # noqa: TID251 - the store's heartbeat is of the real clock
    sick.body = vector(now - 100, now - 3)
    page = await look(sick.url)
    assert page["fleetmend_store_up{}"] == 1
    assert page["fleetmend_store_canary_success{query=up}"] == 1
    assert 2.9 < page["fleetmend_store_heartbeat_age_seconds{}"] < 10
    assert page["fleetmend_store_canary_duration_seconds_count{query=up}"] == 1
    assert page["fleetmend_store_start_timestamp_seconds{}"] == 1000
    assert page["fleetmend_store_restarts_total{}"] == 0
    assert not [name for name, value in page.items() if "errors_total" in name and value]


async def test_queries_go_below_the_prefix_and_past_the_cache(sick: Sick) -> None:
    await look(f"{sick.url}/select/0/prometheus", metrics_url=f"{sick.url}/metrics")
    asked = {path for path, _ in sick.asked}
    assert any(
        path.startswith("/select/0/prometheus/api/v1/query?query=count%28up%29&nocache=1&timeout=") for path in asked
    )
    assert "/metrics" in asked
    # A query node's page does not say how many series there are.
    assert "/select/0/prometheus/api/v1/status/tsdb?topN=1" in asked


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (0, "", "timeout"),
        (-1, "", "timeout"),
        (503, "overloaded", "http"),
        (422, '{"status":"error"}', "http"),
        (302, "", "http"),
        (200, "<html>", "garbage"),
        (200, "", "garbage"),
        (200, "[" * 5_000, "garbage"),
        (200, '{"status":"success","data":{"resultType":"matrix","result":[]}}', "garbage"),
        (200, '{"status":"error","data":{"resultType":"vector","result":[]}}', "garbage"),
        (200, vector("one"), "garbage"),
        (200, vector(1, isPartial=True), "partial"),
    ],
)
async def test_each_sickness_has_its_reason(sick: Sick, status: int, body: str, reason: str) -> None:
    sick.status, sick.body = status, body
    began = time.monotonic()  # noqa: TID251
    page = await look(sick.url)
    assert time.monotonic() - began < 10 * TIMEOUT  # noqa: TID251
    assert page["fleetmend_store_up{}"] == 0
    assert page["fleetmend_store_canary_success{query=up}"] == 0
    assert page[f"fleetmend_store_canary_errors_total{{query=up,reason={reason}}}"] == 1
    assert sum(value for name, value in page.items() if "errors_total{query=up" in name) == 1
    assert page["fleetmend_store_partial_answers_total{}"] == (2 if reason == "partial" else 0)
    assert "fleetmend_store_heartbeat_age_seconds{}" not in page


async def test_an_answer_without_end_is_garbage(sick: Sick) -> None:
    sick.body = " " * (9 * 1024 * 1024)
    page = await look(sick.url, timeout=20.0)
    assert page["fleetmend_store_canary_errors_total{query=up,reason=garbage}"] == 1


async def test_a_store_that_is_not_there(unused_port: int) -> None:
    page = await look(f"http://127.0.0.1:{unused_port}")
    assert page["fleetmend_store_canary_errors_total{query=up,reason=unreachable}"] == 1


async def test_a_store_that_hangs_has_one_query_of_a_kind_outstanding(sick: Sick) -> None:
    sick.status = -1
    watcher = Watcher(settings_for(sick.url), SystemClock())
    for _ in range(3):
        await watcher.round()
    queries = [path for path, _ in sick.asked if "count%28up%29" in path]
    assert len(queries) == 1
    assert told(watcher)["fleetmend_store_canary_errors_total{query=up,reason=timeout}"] == 3
    # It comes back, and so do we.
    sick.status = 200
    for _ in range(100):
        await watcher.round()
        if told(watcher)["fleetmend_store_canary_success{query=up}"]:
            break
        await asyncio.sleep(0.05)
    assert told(watcher)["fleetmend_store_canary_success{query=up}"] == 1


async def test_a_restart_is_seen_once(sick: Sick) -> None:
    watcher = Watcher(settings_for(sick.url), SystemClock())
    for page in ("vm_app_start_timestamp 1000", "", "vm_app_start_timestamp 1000.4", "vm_app_start_timestamp 2000"):
        sick.page = f"{page}\n"
        await watcher.round()
    assert told(watcher)["fleetmend_store_restarts_total{}"] == 1
    assert told(watcher)["fleetmend_store_start_timestamp_seconds{}"] == 2000


async def test_the_token_is_read_anew_each_time(sick: Sick, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    watcher = Watcher(settings_for(sick.url, token_file=token), SystemClock())
    await watcher.round()
    token.write_text("second\n")
    await watcher.round()
    assert {header for _, header in sick.asked} == {"Bearer first", "Bearer second"}
    token.unlink()
    await watcher.round()
    assert told(watcher)["fleetmend_store_canary_errors_total{query=up,reason=unreachable}"] == 1


def test_a_heartbeat_grows_older_while_the_store_is_silent() -> None:
    clock = FakeClock()
    memory = Memory([HEARTBEAT], clock)
    assert memory.read() == []
    memory.note(HEARTBEAT, Outcome(0.01, clock.now() - 2))
    clock.move(30)
    memory.note(HEARTBEAT, Outcome(5.0, reason=Reason.TIMEOUT))
    ages = [one for family in memory.read() for one in family.samples if one.name.endswith("heartbeat_age_seconds")]
    assert [one.value for one in ages] == [32]


def test_a_store_that_forgets_makes_no_heartbeat_younger() -> None:
    clock = FakeClock()
    memory = Memory([HEARTBEAT], clock)
    memory.note(HEARTBEAT, Outcome(0.01, clock.now() - 2))
    memory.note(HEARTBEAT, Outcome(0.01, clock.now() - 600))
    ages = [one for family in memory.read() for one in family.samples if one.name.endswith("heartbeat_age_seconds")]
    assert [one.value for one in ages] == [2]


async def test_a_canary_that_raises_in_time_says_why() -> None:
    def refuse() -> float | None:
        raise NoAnswer(Reason.HTTP)

    outcome = await Canary(refuse, 1.0, SystemClock()).sing(Workers(1))
    assert (outcome.value, outcome.reason) == (None, Reason.HTTP)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (vector(), None),
        (vector(1, "NaN", 3), 3.0),
        (vector("NaN"), None),
        (vector("+Inf"), float("inf")),
        ('{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}', 7.0),
    ],
)
def test_values(body: str, value: float | None) -> None:
    assert parse_value(body.encode()) == value


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ('{"data":{"totalSeries":7}}', 7),
        ('{"data":{"headStats":{"numSeries":8}}}', 8),
        ('{"data":{}}', None),
        ('{"data":{"headStats":7}}', None),
        ("[]", None),
        ("[" * 5_000, None),
        ("nonsense", None),
    ],
)
def test_series_counts(body: str, count: float | None) -> None:
    assert parse_series_count(body.encode()) == count


def test_metrics_of_a_page() -> None:
    page = '# HELP a b\na{b="c"} 7\naa 8\nbroken x\n'
    assert parse_metric(page, 'a{b="c"}') == 7
    assert parse_metric(page, "a") is None
    assert parse_metric(page, "broken") is None


def test_where_a_clusters_own_page_is() -> None:
    assert default_metrics_url("http://vmselect:8481/select/0/prometheus") == "http://vmselect:8481/metrics"


def test_flags() -> None:
    flags = build_parser().parse_args(["store", "--store.url", "http://s:1/", "--store.query", "a=b == 1"])
    settings = build_store(flags, {"store"})
    assert settings is not None
    assert settings.url == "http://s:1"
    assert settings.queries == ((HEARTBEAT, "max(fleetmend_heartbeat_timestamp_seconds)"), ("a", "b == 1"))
    assert build_store(flags, {"host"}) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "store: --store.url is missing"),
        (["--store.url", "http://u:secret@h:x"], "--store.url: not of the form"),
        (["--store.url", "http://h", "--store.kind", "influx"], "invalid choice: 'influx'"),
        (["--store.url", "http://h", "--store.interval", "0"], "--store.interval"),
        (["--store.url", "http://h", "--store.timeout", "nan"], "--store.timeout"),
        (["--store.url", "http://h", "--store.query", "a"], "--store.query: 'a' is not NAME=PROMQL"),
        (["--store.url", "http://h", "--store.query", "heartbeat=1"], "there is a query 'heartbeat' already"),
    ],
)
def test_wrong_flags_of_the_store(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert "secret" not in error


def test_the_page_answers_while_the_store_hangs(start_exporter: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        base = start_exporter("store", "--store.url", url, "--store.timeout", "0.2", "--store.interval", "0.2")
        for _ in range(50):
            with urllib.request.urlopen(f"{base}/metrics", timeout=2) as answer:
                page = str(answer.read(), "utf-8")
            if "fleetmend_store_up 0.0" in page:
                break
            time.sleep(0.1)
    assert "fleetmend_store_up 0.0" in page
    assert 'fleetmend_store_canary_success{query="up"} 0.0' in page
