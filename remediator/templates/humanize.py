"""Numbers for people, as Prometheus writes them; each takes a float."""

import math

from remediator.templates.values import Moment, go_float

_LARGE = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_LARGE_1024 = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL = ("", "m", "u", "n", "p", "f", "a", "z", "y")
_NANOSECONDS = 1e9
# Go's int64, in which Prometheus counts nanoseconds.
_MOST, _LEAST = 9223372036854775807, -9223372036854775808


class Overflow(ValueError):
    """A moment too far away to be counted in nanoseconds."""


def short(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}" if math.isfinite(value) else go_float(value)


def humanize(value: float) -> str:
    """Four digits and a metric prefix: 1234567 is 1.235M, 0.002 is 2m."""
    if value == 0 or not math.isfinite(value):
        return short(value)
    return _divided(value, 1000, _LARGE) if abs(value) >= 1 else _multiplied(value)


def humanize_1024(value: float) -> str:
    """Four digits and a binary prefix: 1048576 is 1Mi."""
    if abs(value) <= 1 or not math.isfinite(value):
        return short(value)
    return _divided(value, 1024, _LARGE_1024)


def humanize_duration(value: float) -> str:
    """Seconds as days, hours, minutes and seconds: 3661 is 1h 1m 1s."""
    if not math.isfinite(value):
        return short(value)
    if abs(value) < 1:
        return f"{_multiplied(value) if value else short(value)}s"
    sign, whole = ("-" if value < 0 else ""), _int64(abs(value))
    # Go's remainder has the sign of what is divided, and an overflow is negative.
    seconds, minutes = _remainder(whole, 60), _remainder(_quotient(whole, 60), 60)
    hours, days = _remainder(_quotient(whole, 3600), 24), _quotient(whole, 86400)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{short(abs(value))}s"


def humanize_percentage(value: float) -> str:
    """A share as per cent: 0.0312 is 3.12%."""
    return f"{short(value * 100)}%"


def humanize_timestamp(value: float) -> str:
    """Unix seconds as a date and a time of day, in UTC. Raises Overflow."""
    return str(to_time(value)) if math.isfinite(value) else short(value)


def to_time(value: float) -> Moment:
    """Unix seconds as a moment. Raises Overflow for NaN, infinities and beyond the years 1677 to 2262."""
    if not math.isfinite(value):
        raise Overflow("value is NaN or Inf")
    nanoseconds = value * _NANOSECONDS
    if not _LEAST <= nanoseconds <= _MOST:
        raise Overflow(f"{go_float(value)} cannot be represented as a nanoseconds timestamp since it overflows int64")
    return Moment(_quotient(_int64(nanoseconds), 1_000_000))


def _divided(value: float, by: int, prefixes: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= by and power < len(prefixes) - 1:
        value, power = value / by, power + 1
    return f"{short(value)}{prefixes[power]}"


def _multiplied(value: float) -> str:
    power = 0
    while abs(value) < 1 and power < len(_SMALL) - 1:
        value, power = value * 1000, power + 1
    return f"{short(value)}{_SMALL[power]}"


def _int64(value: float) -> int:
    """The whole part; what does not fit is the least there is, as amd64 converts it."""
    whole = int(value)
    return whole if _LEAST <= whole <= _MOST else _LEAST


def _quotient(number: int, by: int) -> int:
    return number // by if number >= 0 else -(-number // by)


def _remainder(number: int, by: int) -> int:
    return number - _quotient(number, by) * by
