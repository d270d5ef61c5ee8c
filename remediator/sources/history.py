"""The store's past: a PromQL expression over a range of time, asked in pieces that every store answers.

Most alert expressions are empty most of the time, and only elements that were true come back: ask for a rule's own
expression, and two weeks of a large fleet are a few kilobytes.
"""

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import requests

from remediator.model.errors import FleetmendError
from remediator.sources.sessions import Sessions, bearer_headers, failure, store_place

# Prometheus refuses more points of one series in one answer.
MAX_POINTS = 11_000
# A piece whose answer is larger is asked for again in halves, so that memory stays bounded.
MAX_BYTES = 48_000_000
ATTEMPTS = 4
# VictoriaMetrics puts the value of then in place of everything newer, whatever it is asked (-search.latencyOffset).
SETTLED = timedelta(seconds=30)
_PIECE = 1 << 18
_TOO_MUCH = frozenset({400, 413, 422})
_LATER = frozenset({429, 500, 502, 503, 504})


class HistoryError(FleetmendError):
    """The store did not answer: nothing is known of that range. The text is for people and holds no secret."""


class _TooLarge(Exception):
    """The answer is larger than we take, or than the store gives: ask for less at once."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series in one piece of the range: unix seconds and values, NaN left out. The name label is taken off."""

    labels: dict[str, str]
    times: "array[float]"
    values: "array[float]"


class _Element(msgspec.Struct):
    metric: dict[str, str]
    values: msgspec.Raw = msgspec.Raw(b"[]")


class _Payload(msgspec.Struct):
    resultType: str = ""  # noqa: N815 - the wire's own name
    result: list[_Element] = []


class _Answer(msgspec.Struct):
    status: str
    data: _Payload = msgspec.field(default_factory=_Payload)
    error: str = ""
    isPartial: bool = False  # noqa: N815 - the wire's own name


_ANSWER = msgspec.json.Decoder(_Answer)
_POINTS = msgspec.json.Decoder(list[tuple[float, str]])


class History:
    """A PromQL API at ``url``; safe to call from several threads, each of which has a session of its own."""

    def __init__(self, url: str, timeout: timedelta = timedelta(seconds=60), token_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout.total_seconds()
        self._token_file = token_file
        self._sessions = Sessions()

    @property
    def place(self) -> str:
        """The store's name for people, without whatever secrets its URL holds."""
        return store_place(self._url)

    def series(self, expr: str, start: datetime, end: datetime, step: timedelta) -> Iterator[Series]:
        """The expression at ``start``, ``start + step`` … not after ``end``, piece by piece in the order of time.

        A series that lasts over several pieces comes once in each. Nothing at all: the expression had no element.

        Raises:
            HistoryError: the store cannot be reached, refuses, or answers what cannot be read.
        """
        # Whole milliseconds, as the stores count: the same instants in every piece.
        low, high = (round(each.timestamp() * 1000) for each in (start, end))
        width = max(1, round(step.total_seconds() * 1000))
        last = low + (high - low) // width * width
        points = MAX_POINTS
        while low <= last:
            until = min(last, low + (points - 1) * width)
            try:
                found = self._piece(expr, low, until, width)
            except _TooLarge as error:
                if points == 1 or until == low:
                    raise HistoryError(f"{self.place}: {error}") from error
                points = max(1, min(points, (until - low) // width + 1) // 2)
                continue
            yield from found
            low, points = until + width, min(MAX_POINTS, points * 2)

    def _piece(self, expr: str, low: int, high: int, width: int) -> list[Series]:
        # nocache=1: VictoriaMetrics otherwise moves the range to multiples of the step, and hides the newest 30 s.
        params = {
            "query": expr,
            "start": f"{low / 1000:.3f}",
            "end": f"{high / 1000:.3f}",
            "step": f"{width / 1000:.3f}",
            "nocache": "1",
        }
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(0.1 * 2**attempt)
            body = self._asked(params, last=attempt == ATTEMPTS - 1)
            if body is not None:
                return self._read(body)
        raise HistoryError(f"{self.place}: no answer")

    def _asked(self, params: dict[str, str], *, last: bool) -> bytes | None:
        """The answer's bytes; None when the same question may be answered a moment later."""
        try:
            with self._sessions.mine().post(
                f"{self._url}/api/v1/query_range",
                data=params,
                timeout=self._timeout,
                headers=bearer_headers(self._token_file),
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._body(response, last=last)
        except requests.RequestException as error:
            if last:
                raise HistoryError(f"{self.place}: {failure(error)}") from error
            return None
        except OSError as error:
            raise HistoryError(f"token file {self._token_file}: {error.strerror}") from error

    def _body(self, response: requests.Response, *, last: bool) -> bytes | None:
        if response.status_code in _LATER and not last:
            return None
        body = bytearray()
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > MAX_BYTES:
                raise _TooLarge(f"the answer is larger than {MAX_BYTES // 1_000_000} MB even for one moment")
        if response.status_code == requests.codes.ok:
            return bytes(body)
        said = f"HTTP {response.status_code}: {_reason(bytes(body))}"
        if response.status_code in _TOO_MUCH and _about_size(said):
            raise _TooLarge(said)
        raise HistoryError(f"{self.place}: {said}")

    def _read(self, body: bytes) -> list[Series]:
        try:
            answer = _ANSWER.decode(body)
            if answer.status != "success" or answer.isPartial:
                reason = "the answer is partial" if answer.isPartial else answer.error[:300]
                raise HistoryError(f"{self.place}: {reason or 'no success, and no reason given'}")
            if answer.data.resultType != "matrix":
                raise HistoryError(f"{self.place}: a result of type {answer.data.resultType!r} has no history")
            return [found for element in answer.data.result if len((found := _series(element)).times)]
        except (msgspec.MsgspecError, ValueError) as error:
            raise HistoryError(f"{self.place}: unreadable answer: {str(error)[:200]}") from error


def _series(element: _Element) -> Series:
    points = _POINTS.decode(element.values)
    times, values = array("d"), array("d")
    for at, text in points:
        value = float(text)
        # VictoriaMetrics leaves NaN out, Prometheus does not: what is not a number is no element for either.
        if value == value:  # noqa: PLR0124 - the one test that is quick enough for millions
            times.append(at)
            values.append(value)
    labels = {name: text for name, text in element.metric.items() if name != "__name__"}
    return Series(labels, times, values)


def _about_size(text: str) -> bool:
    """Whether a refusal is about how much was asked for: fewer points may be answered."""
    return any(
        word in text for word in ("maxSamples", "maxPoints", "maxMemory", "too many points", "exceeded", "memory")
    )


def _reason(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Answer).error[:300] or "no reason given"
    except msgspec.MsgspecError:
        return body[:200].decode("utf-8", "replace").strip() or "no reason given"
