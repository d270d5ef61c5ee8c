"""Pushing the page to VictoriaMetrics' import endpoint, for hosts that cannot be scraped."""

import asyncio
import gzip
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from functools import partial
from urllib.parse import urlsplit

import requests
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.page import Snapshot
from exporter.settings import PushSettings
from exporter.workers import Workers

log = logging.getLogger(__name__)

IMPORT_PATH = "/api/v1/import/prometheus"
TIMEOUT_SECONDS = 5.0
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
TOO_MANY_REQUESTS = 429


class Push(Enum):
    """What came of one push, by what is done next."""

    DONE = "done"
    AGAIN = "again"  # the store is away or overloaded
    REFUSED = "refused"  # the store will say the same to the same page


def import_url(url: str) -> str:
    """The import endpoint of a store's base URL, or of a URL that names it already."""
    return url if IMPORT_PATH in urlsplit(url).path else url.rstrip("/") + IMPORT_PATH


def hide_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def classify_status(status: int) -> Push:
    if 200 <= status < 300:
        return Push.DONE
    return Push.AGAIN if status >= 500 or status == TOO_MANY_REQUESTS else Push.REFUSED


def backoff_seconds(failures: int, chance: float) -> float:
    """Doubling from half a second to half a minute; ``chance`` in 0…1 spreads a fleet's retries."""
    ceiling = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * float(2 ** min(failures - 1, 10)))
    return ceiling * (0.5 + chance / 2)


class Pusher:
    """Pushes a fresh page at each interval; one that failed is not sent again later, for its values would be old."""

    def __init__(self, target: PushSettings, session: requests.Session | None = None) -> None:
        self._url = import_url(target.url)
        self._session = session or requests.Session()
        self._extra = [("extra_label", f"{name}={value}") for name, value in sorted(target.labels.items())]
        self._told = ""

    def push(self, families: Sequence[Metric]) -> Push:
        """Blocks until the store has answered or is given up on."""
        body = gzip.compress(generate_latest(Snapshot(families)), compresslevel=1)
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
        try:
            answer = self._session.post(
                self._url, params=self._extra, data=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
        except requests.RequestException as error:
            self._tell_once(f"cannot reach it ({type(error).__name__})")
            return Push.AGAIN
        result = classify_status(answer.status_code)
        self._tell_once("" if result is Push.DONE else f"it answered {answer.status_code}")
        return result

    def close(self) -> None:
        self._session.close()

    def _tell_once(self, text: str) -> None:
        if text != self._told:
            where = hide_password(self._url)
            log.warning("push to %s: %s", where, text or "works again")
            self._told = text


async def run_pusher(
    target: PushSettings, collect: Callable[[float], Awaitable[Sequence[Metric]]], clock: Clock, workers: Workers
) -> None:
    """Collect and push for ever; after failures the pause grows, and ends with the first success."""
    pusher = Pusher(target)
    failures = 0
    due = clock.monotonic()
    while True:
        families = await collect(target.interval)
        result = await asyncio.wrap_future(workers.submit(partial(pusher.push, families)))
        failures = failures + 1 if result is Push.AGAIN else 0
        if failures:
            due = clock.monotonic() + backoff_seconds(failures, random.random())  # noqa: S311
        else:
            due = max(due + target.interval, clock.monotonic())
        await clock.sleep(max(0.0, due - clock.monotonic()))
