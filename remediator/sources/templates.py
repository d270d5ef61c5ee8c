"""Labels and annotations of rules: the part of Go's templates that alert texts use."""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

_HOLE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.(\w+)")
_PRINTF = re.compile(r'printf\s+"([^"%]*%\.?\d*[fge][^"%]*(?:%%)?[^"%]*)"')
_LARGE = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("", "m", "u", "n", "p", "f", "a", "z", "y")


class BadTemplate(ValueError):
    """A part of the text that cannot be filled in."""


def expand(text: str, labels: Mapping[str, str], value: float) -> str:
    """The text with its holes filled; what cannot be filled says so in its place, as Prometheus does."""
    if "{{" not in text:
        return text
    try:
        return _HOLE.sub(lambda hole: _fill(hole[1], labels, value), text)
    except BadTemplate as error:
        return f"<error expanding template: {error}>"


def go_float(value: float) -> str:
    """A number as Go's templates print it: shortest digits, with an exponent below 1e-4 and from 1e6 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0 or -4 <= (power := Decimal(repr(value)).adjusted()) < 6:
        return repr(value).removesuffix(".0")
    return f"{Decimal(repr(value)).scaleb(-power).normalize():f}e{power:+03d}"


def humanize(value: float) -> str:
    """Four digits and a metric prefix: 1234567 is 1.235M."""
    if value == 0 or not math.isfinite(value):
        return _short(value)
    power = 0
    if abs(value) >= 1:
        while abs(value) >= 1000 and power < len(_LARGE) - 1:
            value, power = value / 1000, power + 1
        return f"{_short(value)}{_LARGE[power]}"
    while abs(value) < 1 and power < len(_SMALL) - 1:
        value, power = value * 1000, power + 1
    return f"{_short(value)}{_SMALL[power]}"


def humanize_duration(value: float) -> str:
    """Seconds as days, hours, minutes and seconds: 3661 is 1h 1m 1s."""
    if not math.isfinite(value):
        return _short(value)
    if value == 0:
        return "0s"
    if abs(value) < 1:
        return f"{humanize(value)}s"
    sign, whole = ("-" if value < 0 else ""), int(abs(value))
    days, hours, minutes, seconds = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{_short(abs(value))}s"


def humanize_percentage(value: float) -> str:
    """A share as per cent: 0.0312 is 3.12%."""
    return f"{_short(value * 100)}%"


_FILTERS: dict[str, Callable[[float], str]] = {
    "humanize": humanize,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
}


def _short(value: float) -> str:
    return go_float(value) if not math.isfinite(value) else f"{value:.4g}"


def _fill(expression: str, labels: Mapping[str, str], value: float) -> str:
    first, *filters = (part.strip() for part in expression.split("|"))
    words = first.rsplit(" ", 1)
    if len(words) == 2:
        first, filters = words[1], [words[0].strip(), *filters]
    filled = _operand(first, labels, value)
    for name in filters:
        filled = _apply(name, filled)
    return go_float(filled) if isinstance(filled, float) else filled


def _operand(text: str, labels: Mapping[str, str], value: float) -> str | float:
    if text in ("$value", ".Value"):
        return float(value)
    label = _LABEL.fullmatch(text)
    if label:
        return labels.get(label[1], "")
    raise BadTemplate(f"{text!r} is not supported")


def _apply(name: str, value: str | float) -> str:
    printf = _PRINTF.fullmatch(name)
    if not printf and name not in _FILTERS:
        raise BadTemplate(f"function {name!r} is not supported")
    try:
        number = float(value)
    except ValueError as error:
        raise BadTemplate(f"{value!r} is not a number") from error
    # The pattern admits one number's format and nothing else.
    return printf[1] % number if printf else _FILTERS[name](number)
