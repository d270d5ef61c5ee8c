"""One source: at most one run at a time, not too often, and what the last good one said."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from exporter.clock import Clock
from exporter.reader.outcome import ERROR, OK, PENDING, STUCK, Outcome

KEPT_INTERVALS = 3  # an output is handed out no longer than so many of its intervals
GRACE_SECONDS = 1.0  # for what was killed to be gone
RETRY_SECONDS = 60.0  # what failed is tried again no later, however long its interval


class Pace(NamedTuple):
    """Seconds: the shortest time between two runs, and how long one may take.

    What is slow runs in the background, whether it is asked for or not, and nobody waits for it.
    """

    interval: float
    timeout: float
    background: bool = False


class Said(NamedTuple):
    """An answer: the newest good output, when it was asked for (unix seconds) and how long that took.

    ``waited`` is how long the run that is under way has taken so far; 0 without one.
    """

    state: str = PENDING
    output: str = ""
    at: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0
    error: str = ""


class Flight:
    """Runs ``run`` in threads of its own; one that never comes back costs its thread and nothing else."""

    def __init__(self, name: str, run: Callable[[], Outcome], pace: Pace, clock: Clock) -> None:
        self.name = name
        self._run = run
        self._pace = pace
        self._clock = clock
        self._changed = threading.Condition()
        self._began: float | None = None  # of the run under way
        self._next = float("-inf")
        self._last = Outcome(PENDING)
        self._good = Said()
        self._good_until = float("-inf")

    def ask(self, patience: float) -> Said:
        """Start a run if one is due, and wait so many seconds for the run under way, though not for one overdue."""
        with self._changed:
            if not self._pace.background:
                self._start()
                if self._waited() <= self._limit():
                    self._changed.wait_for(lambda: self._began is None, patience)
            return self._say()

    def refresh(self) -> None:
        """Start a run in the background if that is where it belongs, one is due and none under way."""
        if self._pace.background:
            with self._changed:
                self._start()

    def last(self) -> Said:
        """What ``ask`` would say, without its output, without waiting and without a run."""
        with self._changed:
            said = self._say()
        return said._replace(output="")

    def _start(self) -> None:
        now = self._clock.monotonic()
        if self._began is not None or now < self._next:
            return
        try:
            threading.Thread(target=self._fly, args=(now,), name=self.name, daemon=True).start()
        except RuntimeError as error:
            self._last, self._next = Outcome(ERROR, error=str(error)), now + RETRY_SECONDS
        else:
            self._began = now

    def _fly(self, began: float) -> None:
        at, outcome = self._clock.now(), Outcome(ERROR, error="it crashed; the log says how")
        try:
            outcome = self._run()
        except (OSError, ValueError, LookupError, TypeError) as error:
            outcome = Outcome(ERROR, error=f"{type(error).__name__}: {error}"[:300])
        finally:
            with self._changed:
                self._land(outcome, at, began)
                self._changed.notify_all()

    def _land(self, outcome: Outcome, at: float, began: float) -> None:
        ended = self._clock.monotonic()
        interval = self._pace.interval if outcome.state == OK else min(self._pace.interval, RETRY_SECONDS)
        self._began, self._last, self._next = None, outcome, began + interval
        if outcome.state == OK:
            self._good = Said(OK, outcome.output, at, ended - began)
            self._good_until = ended + self._pace.interval * KEPT_INTERVALS + self._pace.timeout

    def _waited(self) -> float:
        return 0.0 if self._began is None else self._clock.monotonic() - self._began

    def _limit(self) -> float:
        return self._pace.timeout + GRACE_SECONDS

    def _say(self) -> Said:
        good = self._good if self._clock.monotonic() < self._good_until else Said()
        state, waited = self._last.state, self._waited()
        if waited > self._limit():
            state = STUCK
        elif self._began is not None and not (self._pace.background and state == OK):
            state = PENDING
        return Said(state, good.output, good.at, good.seconds, waited, self._last.error)
