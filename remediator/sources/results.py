"""What a query can come to: elements, none, nothing to ask about, or an error."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

_EPOCH = datetime.fromtimestamp(0, UTC)


class Series:
    """The labels of one element, its name label taken off; equal only to itself.

    Whoever reads answers keeps one for each series: what follows from labels is then worked out once.
    """

    __slots__ = ("labels", "name")

    def __init__(self, labels: Mapping[str, str], name: str = "") -> None:
        self.labels = labels
        self.name = name

    @property
    def named(self) -> Mapping[str, str]:
        """The labels as the store gave them, for templates."""
        return {**self.labels, "__name__": self.name} if self.name else self.labels


class Sample(NamedTuple):
    """One element of a result, its name label taken off."""

    labels: Mapping[str, str]
    value: float
    at: datetime


class Vector:
    """The query succeeded and has elements; ``seconds`` is how long it took."""

    __slots__ = ("at", "seconds", "series", "values")

    series: Sequence[Series]
    values: Sequence[float]
    at: datetime
    seconds: float

    def __init__(self, samples: Iterable[Sample] = (), seconds: float = 0.0) -> None:
        found = tuple(samples)
        self.series = tuple(Series(sample.labels) for sample in found)
        self.values = tuple(sample.value for sample in found)
        self.at = found[0].at if found else _EPOCH
        self.seconds = seconds

    @classmethod
    def of(cls, series: Sequence[Series], values: Sequence[float], at: datetime, seconds: float = 0.0) -> "Vector":
        """The quick way: series that are known, and a value for each."""
        vector = cls((), seconds)
        vector.series, vector.values, vector.at = series, values, at
        return vector

    @property
    def samples(self) -> tuple[Sample, ...]:
        pairs = zip(self.series, self.values, strict=True)
        return tuple(Sample(series.labels, value, self.at) for series, value in pairs)

    @property
    def numbers(self) -> "Vector":
        """Without the elements that are not a number."""
        if not self.has_nan:
            return self
        kept = [(series, value) for series, value in zip(self.series, self.values, strict=True) if value == value]  # noqa: PLR0124
        return Vector.of(tuple(s for s, _ in kept), tuple(v for _, v in kept), self.at, self.seconds)

    @property
    def has_nan(self) -> bool:
        # Infinities of both signs sum up to NaN too: only then is each looked at.
        return math.isnan(sum(self.values)) and any(map(math.isnan, self.values))


@dataclass(frozen=True, slots=True)
class NoData:
    """The query succeeded and has no element."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Absent:
    """No element, and none of the series that the rule reads is there: neither sick nor healthy."""

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
