"""Pushing to a real VictoriaMetrics: the series are there, with the labels that were added."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STORE = shutil.which("victoria-metrics")
START_SECONDS = 15.0
# A new series may take ten seconds to be found, and more on a busy machine.
VISIBLE_SECONDS = 30.0

pytestmark = [
    pytest.mark.store,
    pytest.mark.skipif(not STORE, reason="VICTORIA-METRICS IS MISSING: pushing is not tried on a real store"),
]


@pytest.fixture
def store(unused_port: int, tmp_path: Path) -> Iterator[str]:
    flags = [f"-storageDataPath={tmp_path / 'store'}", f"-httpListenAddr=127.0.0.1:{unused_port}"]
    process = subprocess.Popen([str(STORE), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{unused_port}"
    try:
        assert poll(lambda: get(f"{url}/health"), START_SECONDS)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def poll(ask: Callable[[], Any], seconds: float) -> Any:
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        if found := ask():
            return found
        time.sleep(0.2)
    return None


def query(store: str, expression: str) -> list[dict[str, Any]]:
    get(f"{store}/internal/force_flush")
    answer = get(f"{store}/api/v1/query?" + urllib.parse.urlencode({"query": expression, "nocache": "1"}))
    result: list[dict[str, Any]] = json.loads(answer)["data"]["result"] if answer else []
    return result


def test_pushed_series_can_be_queried(store: str, start_exporter: Callable[..., str]) -> None:
    labels = ["--push.label", "instance=h1", "--push.label", "region=arn"]
    start_exporter("host", "--push.url", store, "--push.interval", "0.5", *labels)
    (found,) = poll(lambda: query(store, "fleetmend_heartbeat_timestamp_seconds"), VISIBLE_SECONDS)
    assert found["metric"] == {
        "__name__": "fleetmend_heartbeat_timestamp_seconds",
        "instance": "h1",
        "job": "host",
        "region": "arn",
    }
