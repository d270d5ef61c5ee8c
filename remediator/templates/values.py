"""Go's values as Python has them: their types' names, their truth, and how they are printed.

bool, int, float and str are themselves, a map is a dict, a query's result a list of ``Row``, nil is None.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

Value: TypeAlias = Any

# Parts of Go's layouts; those in _SHORT are written without a leading zero.
_PARTS = {
    "January": "%B", "Jan": "%b", "Monday": "%A", "Mon": "%a", "MST": "UTC", "2006": "%Y", "06": "%y",
    "01": "%m", "02": "%d", "002": "%j", "03": "%I", "04": "%M", "05": "%S", "15": "%H", "PM": "%p",
    "1": "%m", "2": "%d", "3": "%I", "4": "%M", "5": "%S",
    "-07:00": "+00:00", "-0700": "+0000", "-07": "+00", "Z07:00": "Z", "Z0700": "Z", "Z07": "Z",
}  # fmt: skip
_SHORT = frozenset("12345")
_LAYOUT = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|-07:00|-0700|-07|Z07:00|Z0700|Z07|002|01|02|03|04|05|06|_2|15|PM|pm"
    r"|[.,](?:0+|9+)(?!\d)|[12345]"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """One element of a query's result."""

    Labels: dict[str, str]
    Value: float


@dataclass(frozen=True, slots=True)
class Data:
    """What an alert's texts are given as dot; the names are those that the texts use."""

    Labels: dict[str, str]
    ExternalLabels: dict[str, str]
    ExternalURL: str
    Value: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, in milliseconds since the epoch."""

    milliseconds: int

    @property
    def at(self) -> datetime:
        return _EPOCH + timedelta(milliseconds=self.milliseconds)

    def written(self, layout: str) -> str:
        """By Go's layout, which is the moment 2006-01-02 15:04:05 (a Monday) as it is to be written."""
        return _LAYOUT.sub(lambda found: self._part(found[0]), layout)

    def _part(self, part: str) -> str:
        if part in _PARTS:
            written = self.at.strftime(_PARTS[part])
            return written.lstrip("0") or "0" if part in _SHORT else written
        if part == "_2":
            return f"{self.at.day:2d}"
        if part == "pm":
            return self.at.strftime("%p").lower()
        digits = f"{self.milliseconds % 1000:03d}".ljust(9, "0")[: len(part) - 1]
        if part[1] == "0":
            return part[0] + digits
        return f"{part[0]}{digits}".rstrip("0").rstrip(part[0])

    def __str__(self) -> str:
        fraction = f"{self.milliseconds % 1000:03d}".rstrip("0")
        return f"{self.at:%Y-%m-%d %H:%M:%S}{'.' if fraction else ''}{fraction} +0000 UTC"


class Html(str):
    """A text that ``safeHtml`` declared to be HTML: of another type, and printed alike."""

    __slots__ = ()


_FIELDS = {Row: ("Labels", "Value"), Data: ("Labels", "ExternalLabels", "ExternalURL", "Value")}
_NAMES = {
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    Html: "template.HTML",
    dict: "map[string]string",
    list: "template.queryResult",
    Row: "*template.sample",
    Data: "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value float64 }",
    Moment: "*time.Time",
    type(None): "<nil>",
}


class Arguments(dict[str, Value]):
    """What ``args`` gives."""


def type_name(value: Value) -> str:
    """The type as Go names it."""
    return "map[string]interface {}" if isinstance(value, Arguments) else _NAMES[type(value)]


def fields(value: Value) -> tuple[str, ...]:
    """The names of a struct's fields; none for what is no struct."""
    return _FIELDS.get(type(value), ())


def truth(value: Value) -> bool:
    """Go's truth: not the zero value of its type; a struct is always true."""
    return isinstance(value, (Data, Row, Moment)) or bool(value)


def go_float(value: float) -> str:
    """A number as Go's %v prints it: shortest digits, with an exponent below 1e-4 and from 1e6 on."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    digits = repr(value)
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return digits.removesuffix(".0")
    exact = Decimal(digits)
    power = exact.adjusted()
    return f"{exact.scaleb(-power).normalize():f}e{power:+03d}"


def show(value: Value, one: "Callable[[Value], str] | None" = None) -> str:
    """A value as Go prints it with %v; ``one`` formats what is inside maps, lists and structs."""
    one = one or show
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return go_float(value)
        case dict():
            return f"map[{' '.join(f'{one(key)}:{one(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(one(element) for element in value)}]"
        case Row() | Data():
            return f"{{{' '.join(one(getattr(value, name)) for name in fields(value))}}}"
        case _:
            return str(value)
