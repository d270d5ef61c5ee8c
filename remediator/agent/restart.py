"""What follows from the end of a machine's process: pure, so that every case is a line in a test."""

import re
import signal
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from remediator.agent.record import MachineRecord
from remediator.model.errors import PermanentError
from remediator.model.machine import MachineState

MAX_RETRIES = 10
FIRST_DELAY = timedelta(milliseconds=250)
LONGEST_DELAY = timedelta(seconds=30)
# A process that ran this long was well: its next end begins a new count.
WELL_AFTER = timedelta(seconds=20)
STOP_SIGNAL = signal.SIGTERM
STOP_TIMEOUT = timedelta(seconds=5)
# Integers this large are nanoseconds, as the Machines API's clients send them.
_SURELY_NANOSECONDS = 1_000_000
# Nobody waits longer, and larger spans cannot be reckoned with.
_LONGEST_SECONDS = 30 * 86400.0
_PARTS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Policy:
    """A config's ``restart``: no, on-failure or always."""

    policy: str = "on-failure"
    max_retries: int = MAX_RETRIES

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Policy":
        given = config.get("restart") or {}
        return cls(str(given.get("policy") or "on-failure"), int(given.get("max_retries") or MAX_RETRIES))

    def again(self, exit_code: int | None, restarts: int) -> bool:
        """Whether it is started once more; an end nobody saw counts as a failure."""
        if self.policy == "always":
            return True
        return self.policy == "on-failure" and exit_code != 0 and restarts < self.max_retries


def after_exit(record: MachineRecord, exit_code: int | None, ran: timedelta) -> MachineRecord:
    """The record after its process ended by itself; ``starting`` means that it is to be started again."""
    restarts = 0 if ran >= WELL_AFTER else record.restarts
    ended = replace(record, running=None, exit_code=exit_code)
    if Policy.of(record.config).again(exit_code, restarts):
        return replace(ended, state=MachineState.STARTING, restarts=restarts + 1)
    if exit_code == 0:
        return replace(ended, state=MachineState.STOPPED, desired="stopped", over=True)
    return replace(ended, state=MachineState.FAILED, over=exit_code is not None)


def delay_before(restarts: int) -> timedelta:
    """Doubling from a quarter of a second to half a minute; ``restarts`` counts from 1."""
    doublings: int = 2 ** min(restarts - 1, 16)
    return min(FIRST_DELAY * doublings, LONGEST_DELAY)


def stop_signal(config: dict[str, Any], asked: str | int | None = None) -> int:
    """The signal that ends a machine politely; SIGTERM when nothing else is said."""
    wanted = asked or (config.get("stop_config") or {}).get("signal") or STOP_SIGNAL
    try:
        return signal.Signals(wanted) if isinstance(wanted, int) else signal.Signals[wanted.upper()]
    except (KeyError, ValueError) as error:
        raise PermanentError("config.stop_config.signal is no signal") from error


def stop_timeout(config: dict[str, Any], asked: float | None = None) -> timedelta:
    """How long a machine may take to end before it is killed."""
    if asked:
        return timedelta(seconds=asked)
    return parse_duration((config.get("stop_config") or {}).get("timeout")) or STOP_TIMEOUT


def parse_duration(value: object) -> timedelta:
    """``"1m30s"``, seconds, or nanoseconds, as the Machines API's clients send them; zero when absent."""
    if isinstance(value, int | float):
        seconds = value / 1e9 if value >= _SURELY_NANOSECONDS else value
        return timedelta(seconds=min(max(seconds, 0), _LONGEST_SECONDS))
    parts = _PARTS.findall(str(value or ""))
    return timedelta(seconds=min(sum(float(number) * _UNITS[unit] for number, unit in parts), _LONGEST_SECONDS))
