"""One value of every kind the journal keeps, made from its types: every field is set, and none to its default."""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from remediator.journal.codec import KINDS
from tests.remediator.builders import NOON

LATER = NOON + timedelta(seconds=1, microseconds=250)
_PLAIN: dict[Any, Any] = {
    str: "ü'\"\\\n x",
    bool: True,
    int: 7,
    float: 0.5,
    datetime: LATER,
    timedelta: timedelta(seconds=1.5),
    Any: {"deep": ["ü", 1, None, 0.5]},
}


def sample(kind: Any) -> Any:
    """A value of that type."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in _GENERIC:
        return _GENERIC[origin](inner)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[-1]
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{each.name: sample(hints[each.name]) for each in fields(kind) if each.init})
    raise TypeError(f"no sample of {kind}")


def _tuple(inner: tuple[Any, ...]) -> Any:
    return tuple(sample(each) for each in inner if each is not Ellipsis)


def _choice(inner: tuple[Any, ...]) -> Any:
    return sample(next(each for each in inner if each is not type(None)))


def _dict(inner: tuple[Any, ...]) -> Any:
    return {sample(inner[0]): sample(inner[1])}


_GENERIC: dict[Any, Callable[[tuple[Any, ...]], Any]] = {
    tuple: _tuple,
    dict: _dict,
    Mapping: _dict,
    list: lambda inner: [sample(inner[0])],
    frozenset: lambda inner: frozenset({sample(inner[0])}),
    Union: _choice,
    types.UnionType: _choice,
    Literal: lambda inner: inner[-1],
}
VALUES: dict[str, Any] = {name: sample(kind) for name, kind in KINDS.items()}
