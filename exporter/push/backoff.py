"""When to try again: doubling pauses with jitter, or what the store asked for."""

import random
from datetime import UTC
from email.utils import parsedate_to_datetime

from exporter.clock import Clock

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
# A store that asks for more than this is asked again anyway.
LONGEST_ASKED_SECONDS = 600.0


def backoff_seconds(failures: int, chance: float) -> float:
    """Doubling from half a second to half a minute; ``chance`` in 0…1 spreads a fleet's retries."""
    ceiling = min(LONGEST_SECONDS, FIRST_SECONDS * float(2 ** min(failures - 1, 10)))
    return ceiling * (0.5 + chance / 2)


def parse_retry_after(header: str, now: float) -> float:
    """Seconds that a Retry-After header asks for, as a number or a date (``now`` in unix seconds); 0 if none."""
    try:
        seconds = float(header) if header.strip().isdecimal() else parse_date(header) - now
    except ValueError:
        return 0.0
    return min(max(0.0, seconds), LONGEST_ASKED_SECONDS)


def parse_date(header: str) -> float:
    moment = parsedate_to_datetime(header)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


class Gate:
    """Closed for a while after each failure."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    def wait_seconds(self) -> float:
        """How long it stays closed; 0 when it is open."""
        return max(0.0, self._until - self._clock.monotonic())

    @property
    def healthy(self) -> bool:
        return not self._failures

    def passed(self) -> None:
        self._failures, self._until = 0, 0.0

    def failed(self, asked: float = 0.0) -> None:
        """``asked``: seconds that the store wants to be left alone; jitter comes on top."""
        self._failures += 1
        pause = backoff_seconds(self._failures, random.random())  # noqa: S311
        self.hold(asked + pause)

    def hold(self, seconds: float) -> None:
        """Closed for at least so long."""
        self._until = max(self._until, self._clock.monotonic() + seconds)
