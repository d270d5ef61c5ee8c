"""A frozen value with some fields changed, for where it is asked ten thousand times a look. PURE."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def changed(value: T, /, **changes: Any) -> T:
    """As ``dataclasses.replace``, in half the time: all fields are read at once. Of values with two or more fields.

    Raises:
        KeyError: for a field that it does not have.
    """
    kind: Any = type(value)
    read, places = _shape(kind)
    now = list(read(value))
    for name, each in changes.items():
        now[places[name]] = each
    made: T = kind(*now)
    return made


@cache
def _shape(kind: Any) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, int]]:
    """What reads all fields of such a value, and each field's place among them."""
    names = [each.name for each in fields(kind)]
    return attrgetter(*names), {name: place for place, name in enumerate(names)}
