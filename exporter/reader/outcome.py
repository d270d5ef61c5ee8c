"""How one run of a source ended."""

from typing import NamedTuple

OK = "ok"
PENDING = "pending"  # a run is under way, and has time left
MISSING = "missing"  # this host has no such tool or device
ERROR = "error"
TIMEOUT = "timeout"  # it took too long, and was killed
STUCK = "stuck"  # it took too long, and does not die: it waits in the kernel
STATES = (OK, PENDING, MISSING, ERROR, TIMEOUT, STUCK)


class Outcome(NamedTuple):
    """``output`` is what the source said, if its state is ok; ``error`` is one line, if it is not."""

    state: str
    output: str = ""
    error: str = ""
