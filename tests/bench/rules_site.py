"""What evaluators are measured on: a store with a fleet's series, rules over them, and somebody to tell."""

import http.server
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests

from remediator.sources.blocks import DOUBLE, compressed, head, tail
from remediator.sources.write_back import HEADERS

HOSTS, RULES, ALERTS, GROUPS = 10_000, 200, 100, 20
BUCKETS = HOSTS // ALERTS
METRICS = ("bench_temperature_celsius", "bench_fan_rpm")
FEED_SECONDS = 10.0


def series() -> list[bytes]:
    """Two series a host, as a host's exporter and its target's labels have them."""
    return [
        head(
            {
                "__name__": metric,
                "bucket": f"{number % BUCKETS}",
                "host": f"host-{number:05d}",
                "instance": f"10.0.{number // 250}.{number % 250}:9101",
                "job": "host",
                "rack": f"r{number % 250:03d}",
                "region": ("arn", "fra", "iad", "nrt", "sin")[number % 5],
            }
        )
        for metric in METRICS
        for number in range(HOSTS)
    ]


def rules(interval: float) -> str:
    """The rule file: each rule finds a hundred hosts sick, and their values never stand still."""
    lines = ["groups:"]
    for number in range(RULES):
        if number % (RULES // GROUPS) == 0:
            lines.append(f"- name: bench_{number * GROUPS // RULES}\n  interval: {interval:g}s\n  rules:")
        metric, bucket = METRICS[number // BUCKETS], number % BUCKETS
        lines.append(
            f"""  - alert: Bench{number}
    expr: {metric}{{bucket="{bucket}"}} > 0
    for: {interval:g}s
    labels: {{severity: warning, playbook: none, team: "team-{number % 5}"}}
    annotations:
      summary: "{{{{ $labels.host }}}} in {{{{ $labels.region }}}}: {{{{ $value | humanize }}}} is more than 0"
      description: "Rack {{{{ $labels.rack }}}}, instance {{{{ $labels.instance }}}}, seen at {{{{ $value }}}}.\""""
        )
    return "\n".join(lines) + "\n"


@contextmanager
def feeding(url: str) -> Iterator[None]:
    """Write a new value of each series every ten seconds, as remote write."""
    heads, ended = series(), threading.Event()
    chance = random.Random(1)  # noqa: S311 - values, not secrets

    def write() -> None:
        end = tail(datetime.fromtimestamp(time.time(), UTC))  # noqa: TID251 - the store's samples need the time of day
        body = b"".join(part for each in heads for part in (each, DOUBLE.pack(chance.randint(20, 90)), end))
        answer = requests.post(f"{url}/api/v1/write", data=compressed(body), headers=HEADERS, timeout=30)
        answer.raise_for_status()

    def forever() -> None:
        while not ended.wait(FEED_SECONDS):
            write()

    write()
    thread = threading.Thread(target=forever)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Told:
    """Somebody who takes alerts as an Alertmanager does, and counts the posts."""

    def __init__(self) -> None:
        self.posts = 0
        self.megabytes = 0.0


@contextmanager
def listening() -> Iterator[tuple[Told, str]]:
    """Its counters and its address."""
    told = Told()

    class Alertmanager(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            self.rfile.read(size)
            told.posts += 1
            told.megabytes += size / 1e6
            self.send_response(http.HTTPStatus.OK)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Alertmanager) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield told, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def count(url: str, expression: str) -> int:
    """The value of a counting query; 0 if there is none."""
    asked = {"query": expression, "nocache": "1"}
    found = requests.post(f"{url}/api/v1/query", data=asked, timeout=30).json()["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def wait_for(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.perf_counter() + seconds
    while not holds():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"not within {seconds:g} s: {what}")
        time.sleep(0.5)


def write_files(folder: Path, texts: Sequence[tuple[str, str]]) -> None:
    for name, text in texts:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
