"""What the pusher says of itself on the page."""

import threading
from enum import StrEnum
from typing import Protocol

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import counter, counters, gauge


class Failure(StrEnum):
    """Why a push did not end with the store's yes."""

    CONNECTION = "connection"
    TIMEOUT = "timeout"
    CREDENTIALS = "credentials"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    REFUSED = "refused"


class Drop(StrEnum):
    """Why samples were given up."""

    REFUSED = "refused"
    QUEUE_FULL = "queue_full"
    SPOOL_FULL = "spool_full"
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
    CORRUPT = "corrupt"


class Waiting(Protocol):
    """Pages that wait, counted."""

    @property
    def pages(self) -> int: ...

    @property
    def bytes(self) -> int: ...

    @property
    def oldest_at(self) -> int | None:
        """When the oldest was collected, in unix milliseconds."""
        ...


class Meters:
    """Counted from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples = 0
        self._set_aside = 0
        self._failures = dict.fromkeys(Failure, 0)
        self._dropped = dict.fromkeys(Drop, 0)
        self._last_success = 0.0
        self._delay = 0.0

    def count_sent(self, samples: int, now: float) -> None:
        with self._lock:
            self._samples += samples
            self._last_success = now

    def count_failure(self, reason: Failure) -> None:
        with self._lock:
            self._failures[reason] += 1

    def count_dropped(self, reason: Drop, samples: int) -> None:
        with self._lock:
            self._dropped[reason] += samples

    def count_set_aside(self) -> None:
        with self._lock:
            self._set_aside += 1

    def note_delay(self, seconds: float) -> None:
        """From the collection of the last live page to the store's yes."""
        self._delay = seconds

    def read(self, waiting: Waiting, clock: Clock) -> list[Metric]:
        oldest = waiting.oldest_at
        age = max(0.0, clock.now() - oldest / 1000) if oldest is not None else 0.0
        return [*self.counted(), *build_waiting_families(waiting.pages, waiting.bytes, age)]

    def counted(self) -> list[Metric]:
        """All but what waits."""
        return [
            counter("fleetmend_push_samples_total", "Samples that the store has taken.", self._samples),
            counters(
                "fleetmend_push_failures_total",
                "Pushes that failed, by reason; all but refused are tried again.",
                ["reason"],
                [([reason], number) for reason, number in self._failures.items()],
            ),
            counters(
                "fleetmend_push_dropped_samples_total",
                "Samples given up, by reason.",
                ["reason"],
                [([reason], number) for reason, number in self._dropped.items()],
            ),
            counter(
                "fleetmend_push_spool_set_aside_total",
                "Files of the spool that were not whole and were set aside.",
                self._set_aside,
            ),
            *self._newest(),
        ]

    def _newest(self) -> list[Metric]:
        return [
            gauge(
                "fleetmend_push_last_success_timestamp_seconds",
                "When the store last took a page, in unix seconds; 0 if never.",
                self._last_success,
            ),
            gauge(
                "fleetmend_push_delay_seconds",
                "Seconds from the collection of the last page that was pushed at once until the store had taken it.",
                self._delay,
            ),
        ]


def build_waiting_families(pages: int, size: int, age: float) -> list[Metric]:
    return [
        gauge("fleetmend_push_spool_pages", "Pages that wait, on disk or, without a spool, in memory.", pages),
        gauge("fleetmend_push_spool_bytes", "Bytes of the pages that wait; on disk, in whole blocks.", size),
        gauge("fleetmend_push_spool_oldest_age_seconds", "Age of the oldest page that waits; 0 if none.", age),
    ]
