"""What is a number although it may be a text: Go's ``strconv.ParseFloat``."""

import math
import re

from remediator.templates.builtins import CallFailed
from remediator.templates.sprintf import quote
from remediator.templates.values import Html, Value, type_name

_HEX = re.compile(r"[+-]?0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][+-]?\d+", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)", re.ASCII | re.IGNORECASE
)


def number(value: Value) -> float:
    """What the humanize functions take: a number, or a text that is one as Go reads it. Raises CallFailed."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str) or isinstance(value, Html):
        raise CallFailed(f"can't convert {type_name(value)} to float")
    try:
        found = float.fromhex(value) if _HEX.fullmatch(value) else float(_decimal(value))
    except ValueError:
        raise CallFailed(f"strconv.ParseFloat: parsing {quote(value)}: invalid syntax") from None
    except OverflowError:
        found = math.inf
    if math.isinf(found) and any(character.isdigit() for character in value):
        raise CallFailed(f"strconv.ParseFloat: parsing {quote(value)}: value out of range")
    return found


def _decimal(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return text
