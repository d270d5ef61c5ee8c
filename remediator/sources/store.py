"""The metrics store: instant queries over HTTP with three outcomes, for VictoriaMetrics and Prometheus alike."""

import math
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import requests

# A rule's result larger than this is a mistake in the rule, not a fleet.
MAX_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of a result, its name label taken off."""

    labels: dict[str, str]
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Vector:
    """The query succeeded and has elements; ``seconds`` is how long it took."""

    samples: tuple[Sample, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class NoData:
    """The query succeeded and has no element."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StoreError:
    """The query failed: nothing is known. ``reason`` is for people and holds no secret."""

    reason: str
    seconds: float = 0.0


Result = Vector | NoData | StoreError


class Queries(Protocol):
    """Where PromQL is asked; blocking, and safe to call from several threads."""

    def query(self, expr: str, at: datetime) -> Result: ...


class _Payload(msgspec.Struct):
    resultType: str = ""  # noqa: N815 - the wire's own name
    result: Any = None


class _Answer(msgspec.Struct):
    status: str = ""
    data: _Payload = msgspec.field(default_factory=_Payload)
    error: str = ""
    isPartial: bool = False  # noqa: N815 - the wire's own name


class Store:
    """A PromQL API at ``url``; each thread has a session of its own, for sessions are not shared safely."""

    def __init__(self, url: str, timeout: timedelta = timedelta(seconds=5), token_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout.total_seconds()
        self._token_file = token_file
        self._local = threading.local()

    def query(self, expr: str, at: datetime) -> Result:
        """The expression's value at that moment.

        ``nocache=1`` matters: VictoriaMetrics otherwise hides the newest 30 s.
        """
        params: dict[str, str] = {"query": expr, "time": f"{at.timestamp():.3f}", "nocache": "1"}
        try:
            response = self._session().post(
                f"{self._url}/api/v1/query",
                data=params,
                timeout=self._timeout,
                headers=self._headers(),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return StoreError(f"{self._place}: {_words(error)}")
        except OSError as error:
            return StoreError(f"token file {self._token_file}: {error.strerror}")
        return _result(response, self._place)

    def ages(self, selector: str, at: datetime) -> Result:
        """The age in seconds of the newest sample of each series of a plain selector."""
        return self.query(f"time() - timestamp({selector})", at)

    @property
    def _place(self) -> str:
        parts = urlsplit(self._url)
        return f"store {parts.hostname}:{parts.port}" if parts.port else f"store {parts.hostname}"

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            # Proxies and .netrc of the environment have no say in where alerts come from.
            session.trust_env = False
            self._local.session = session
        found: requests.Session = self._local.session
        return found

    def _headers(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        return {"Authorization": f"Bearer {self._token_file.read_text('ascii').strip()}"}


def parse_answer(body: bytes, seconds: float) -> Result:
    """The API's JSON as a result; whatever is unexpected is an error, never an empty success."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.status != "success":
            return StoreError(answer.error[:300] or "no success, and no reason given", seconds)
        if answer.isPartial:
            return StoreError("the answer is partial", seconds)
        samples = _samples(answer.data)
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        return StoreError(f"unreadable answer: {str(error)[:200]}", seconds)
    return Vector(samples, seconds) if samples else NoData(seconds)


def _samples(payload: _Payload) -> tuple[Sample, ...]:
    match payload.resultType:
        case "vector":
            found = [_sample(element["metric"], element["value"]) for element in payload.result]
        case "scalar":
            found = [_sample({}, payload.result)]
        case other:
            raise ValueError(f"a result of type {other!r} has no elements")
    # VictoriaMetrics leaves NaN out, Prometheus does not: what is not a number is no element for either.
    return tuple(sample for sample in found if not math.isnan(sample.value))


def _sample(metric: dict[str, str], value: list[Any]) -> Sample:
    labels = {name: text for name, text in metric.items() if name != "__name__"}
    return Sample(labels, float(value[1]), datetime.fromtimestamp(float(value[0]), UTC))


def _result(response: requests.Response, place: str) -> Result:
    seconds = response.elapsed.total_seconds()
    if len(response.content) > MAX_BYTES:
        return StoreError(f"{place}: the answer is larger than {MAX_BYTES // 1_000_000} MB", seconds)
    result = parse_answer(response.content, seconds)
    if response.status_code == requests.codes.ok:
        return result
    said = result.reason if isinstance(result, StoreError) else "refused"
    return StoreError(f"{place}: HTTP {response.status_code}: {said}", seconds)


def _words(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return f"request failed ({type(error).__name__})"
