"""A frozen value with some fields changed, for where it is asked ten thousand times a look. PURE."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def changed(value: T, /, **changes: Any) -> T:
    """As ``dataclasses.replace``, in less than half the time: all fields are read at once, and put into their slots.

    Of values with slots and two or more fields.

    Raises:
        KeyError: for a field that it does not have.
    """
    kind: Any = type(value)
    read, places, puts = _shape(kind)
    now = list(read(value))
    for name, each in changes.items():
        now[places[name]] = each
    made: T = object.__new__(kind)
    for put, each in zip(puts, now, strict=True):
        put(made, each)
    return made


@cache
def _shape(kind: Any) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, int], list[Callable[[Any, Any], None]]]:
    """What reads all fields of such a value, each field's place among them, and what puts each into a new one."""
    names = [each.name for each in fields(kind)]
    puts = [getattr(kind, name).__set__ for name in names]
    return attrgetter(*names), {name: place for place, name in enumerate(names)}, puts
