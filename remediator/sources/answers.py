"""The query API's JSON as results; the labels of a series are read once, while it stays in the answers."""

from datetime import UTC, datetime

import msgspec

from remediator.sources.results import NoData, Result, Series, StoreError, Vector

# How far an element's moment may lie from the one asked about: what is older is out of every store's lookback.
LOOKBACK_SECONDS = 300.0
# Questions whose series are remembered; beyond it all are forgotten, which costs time and nothing else.
MAX_QUESTIONS = 20_000
_Point = tuple[float, str]


class _Element(msgspec.Struct, gc=False):
    metric: msgspec.Raw
    value: _Point


class _Payload(msgspec.Struct):
    resultType: str = ""  # noqa: N815 - the wire's own name
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Answer(msgspec.Struct):
    status: str = ""
    data: _Payload = msgspec.field(default_factory=_Payload)
    error: str = ""
    isPartial: bool = False  # noqa: N815 - the wire's own name


_ANSWER = msgspec.json.Decoder(_Answer)
_VECTOR = msgspec.json.Decoder(list[_Element])
_SCALAR = msgspec.json.Decoder(_Point)
_LABELS = msgspec.json.Decoder(dict[str, str])
_BAD = (msgspec.MsgspecError, ValueError, TypeError, OverflowError)


class Answers:
    """Reads answers, and knows the series of each question's last one by their very bytes."""

    def __init__(self) -> None:
        self._known: dict[str, dict[bytes, Series]] = {}

    def read(self, question: str, body: bytes, seconds: float, asked: float | None = None) -> Result:
        """The result; whatever is unexpected is an error, never an empty success. ``asked`` in unix seconds."""
        try:
            answer = _ANSWER.decode(body)
            if answer.status != "success":
                return StoreError(answer.error[:300] or "no success, and no reason given", seconds)
            if answer.isPartial:
                return StoreError("the answer is partial", seconds)
            elements = _elements(answer.data)
            _check_moments(elements, asked)
            series = self._series(question, elements)
            values = tuple([float(element.value[1]) for element in elements])
            at = datetime.fromtimestamp(elements[0].value[0], UTC) if elements else None
        except _BAD as error:
            return StoreError(f"unreadable answer: {str(error)[:200]}", seconds)
        return Vector.of(series, values, at, seconds) if at else NoData(seconds)

    def _series(self, question: str, elements: list[_Element]) -> tuple[Series, ...]:
        before = self._known.get(question, {})
        raws = [bytes(element.metric) for element in elements]
        # A dict comprehension would hide elements that the store gave twice: they stay two, and are found out later.
        found = [before.get(raw) or _read_series(raw) for raw in raws]
        if len(self._known) >= MAX_QUESTIONS and question not in self._known:
            self._known.clear()
        self._known[question] = dict(zip(raws, found, strict=True))
        return tuple(found)


def parse_answer(body: bytes, seconds: float) -> Result:
    """One answer, by itself."""
    return Answers().read("", body, seconds)


def _elements(payload: _Payload) -> list[_Element]:
    match payload.resultType:
        case "vector":
            return _VECTOR.decode(payload.result)
        case "scalar":
            return [_Element(msgspec.Raw(b"{}"), _SCALAR.decode(payload.result))]
        case other:
            raise ValueError(f"a result of type {other!r} has no elements")


def _check_moments(elements: list[_Element], asked: float | None) -> None:
    """An instant query's elements bear the moment asked about: another one is an old answer, or not ours."""
    if asked is None:
        return
    if any(abs(element.value[0] - asked) > LOOKBACK_SECONDS for element in elements):
        raise ValueError("elements of another moment than the one asked about")


def _read_series(raw: bytes) -> Series:
    labels = _LABELS.decode(raw)
    return Series(labels, labels.pop("__name__", ""))
