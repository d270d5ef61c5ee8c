"""What a store says, read: a query's value, and what its own page tells of it."""

import math
import re
from enum import StrEnum
from typing import Any

import msgspec


class Reason(StrEnum):
    """Why a query has no answer that can be trusted."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    HTTP = "http"
    GARBAGE = "garbage"
    PARTIAL = "partial"


class NoAnswer(Exception):
    """A query failed, for ``reason``."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Element(msgspec.Struct):
    value: tuple[float, str]


class Result(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class Answer(msgspec.Struct, rename="camel"):
    status: str
    data: Result
    is_partial: bool = False


def parse_value(body: bytes) -> float | None:
    """The largest number of an instant query's answer; None if nothing matches. Raises NoAnswer.

    A cluster that could not ask all of its parts says so: such an answer is none.
    """
    try:
        answer = msgspec.json.decode(body, type=Answer)
        values = _values(answer.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raise NoAnswer(Reason.GARBAGE) from None
    if answer.status != "success":
        raise NoAnswer(Reason.GARBAGE)
    if answer.is_partial:
        raise NoAnswer(Reason.PARTIAL)
    return max((value for value in values if not math.isnan(value)), default=None)


def _values(data: Result) -> list[float]:
    """Raises ValueError."""
    if data.result_type == "scalar":
        return [float(msgspec.json.decode(data.result, type=tuple[float, str])[1])]
    if data.result_type == "vector":
        return [float(one.value[1]) for one in msgspec.json.decode(data.result, type=list[Element])]
    raise ValueError(data.result_type)


# How each kind names its start in unix seconds and the series that it holds now, on its own page.
START = {"victoria-metrics": "vm_app_start_timestamp", "prometheus": "process_start_time_seconds"}
SERIES = {
    "victoria-metrics": 'vm_cache_entries{type="storage/hour_metric_ids"}',
    "prometheus": "prometheus_tsdb_head_series",
}


def parse_metric(page: str, series: str) -> float | None:
    """A series' value on a page in the text format; None if it has no such line, or no number."""
    found = re.search(rf"^{re.escape(series)} (\S+)", page, re.MULTILINE)
    if not found:
        return None
    try:
        return float(found.group(1))
    except ValueError:
        return None


def parse_series_count(body: bytes) -> float | None:
    """How many series there are, of ``/api/v1/status/tsdb``; None if it does not say."""
    try:
        data: Any = msgspec.json.decode(body)["data"]
        count = data.get("totalSeries", data.get("headStats", {}).get("numSeries"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    return float(count) if isinstance(count, int | float) else None
