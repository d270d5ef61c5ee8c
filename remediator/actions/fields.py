"""Quantities as people write them in files: ``5m``, ``1h30m``, ``1%``, ``20/s``."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_PACE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")
# A longer span overflows a date; nobody means it.
LONGEST = timedelta(days=36500)


def parse_duration(text: object) -> timedelta:
    """A span such as ``10s``, ``500ms``, ``1h30m``; ``0`` needs no unit.

    Raises:
        ValueError: with what to write instead.
    """
    if isinstance(text, timedelta):
        return text
    if text in (0, "0") and not isinstance(text, bool):
        return timedelta()
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"{text} has no unit; write for example {text}s")  # noqa: TRY004 - pydantic
    if isinstance(text, str) and len(text) > 40:
        raise ValueError("a duration has at most 40 characters")
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write for example 10s, 5m or 1h30m")
    return _bounded(sum(float(number) * UNITS[unit].total_seconds() for number, unit in _PART.findall(text)))


def parse_share(text: object) -> float:
    """A share such as ``1%`` or ``0.01``, between 0 and 1.

    Raises:
        ValueError: with what to write instead.
    """
    number = text
    if isinstance(text, str):
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text)
        number = float(found[1]) / 100 if found else text
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"{text!r} is no share; write for example 1% or 0.01")  # noqa: TRY004 - pydantic
    if not 0 <= number <= 1:
        raise ValueError(f"{text} is no share: it must lie between 0% and 100%")
    return float(number)


def parse_pace(text: object) -> float:
    """A pace such as ``20/s`` or ``6/m``, per second.

    Raises:
        ValueError: with what to write instead.
    """
    if isinstance(text, float):
        return text
    found = _PACE.fullmatch(text) if isinstance(text, str) else None
    if not found or not float(found[1]):
        raise ValueError(f"{text!r} is no pace; write for example 20/s or 6/m")
    return float(found[1]) / UNITS[found[2]].total_seconds()


def _bounded(seconds: float) -> timedelta:
    if seconds > LONGEST.total_seconds():
        raise ValueError("is longer than a hundred years")
    return timedelta(seconds=seconds)


def _text_or_fail(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"YAML reads {value} as a number; quote it to mean text")  # noqa: TRY004 - pydantic
    return value


# What editors are told about each of them; the validators decide.
_DURATION_WORDS = {
    "anyOf": [{"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|[smhdwy]))+$"}, {"const": 0}, {"const": "0"}],
    "description": "a span, such as 500ms, 10s, 5m or 1h30m",
}
_SHARE_WORDS = {
    "anyOf": [
        {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"},
        {"type": "number", "minimum": 0, "maximum": 1},
    ],
    "description": "a share, such as 1% or 0.01",
}
_PACE_WORDS = {"type": "string", "pattern": r"^\d+(\.\d+)?/[smh]$", "description": "a pace, such as 20/s or 6/m"}

Duration = Annotated[timedelta, BeforeValidator(parse_duration), WithJsonSchema(_DURATION_WORDS)]
ShareOf = Annotated[float, BeforeValidator(parse_share), WithJsonSchema(_SHARE_WORDS)]
Pace = Annotated[float, BeforeValidator(parse_pace), WithJsonSchema(_PACE_WORDS)]
Text = Annotated[str, BeforeValidator(_text_or_fail)]


class Strict(BaseModel):
    """The base of everything read from files: unknown fields are errors, types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)
