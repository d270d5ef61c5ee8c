"""Spans of time as clients write them: Go's strings, Go's nanoseconds, plain seconds."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST_SECONDS = 24 * 3600
_PARTS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NANOSECONDS = 1e-9


def seconds_of(value: int | str) -> float:
    """``1m30s`` as Go writes it, or nanoseconds as Go counts them; a string of digits alone are seconds."""
    if isinstance(value, int):
        return value * _NANOSECONDS
    if value.isascii() and value.isdigit():
        return float(value[:9])
    found = _PARTS.findall(value)
    if "".join(number + unit for number, unit in found) != value:
        msg = "is no span of time, such as 30s"
        raise ValueError(msg)
    return sum(float(number) * _UNITS[unit] for number, unit in found)


def a_span(value: int | str) -> int | str:
    if not 0 <= seconds_of(value) <= LONGEST_SECONDS:
        msg = f"must be from 0s to {LONGEST_SECONDS}s"
        raise ValueError(msg)
    return value


Span = Annotated[int | Annotated[str, Field(max_length=32)], AfterValidator(a_span)]
