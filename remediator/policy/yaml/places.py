"""Where each value of a document stands, in twenty bytes a value."""

from array import array
from dataclasses import dataclass, field
from typing import Any

Where = tuple[str | int, ...]

_BITS = 24
# No place has this number: a value in a list, or the whole document, has no key.
NO_KEY = (1 << 64) - 1


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


def packed(line: int, column: int) -> int:
    """A place, both counted from 0, as one number."""
    return line << _BITS | min(column, (1 << _BITS) - 1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where each value of ``root`` stands: a number each, in the order of the file, a value before its inner ones.

    ``keys`` holds the place of a value's key, ``ends`` the index of what comes after the value.
    """

    root: Any = None
    spots: "array[int]" = field(default_factory=lambda: array("Q"))
    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    ends: "array[int]" = field(default_factory=lambda: array("I"))
    _inner: dict[int, "array[int]"] = field(default_factory=dict)

    def index(self, where: Where) -> tuple[int, bool]:
        """The index of the value at that path, or of its nearest parent, and whether it is the path's own."""
        found, value = 0, self.root
        for part in where:
            position = _position(value, part)
            if position is None:
                return found, False
            found, value = self.inner(found)[position], value[part]
        return found, True

    def items(self, where: Where) -> list[int]:
        """The indexes of the values inside the one at that path, in order."""
        found, own = self.index(where)
        return list(self.inner(found)) if own and self.spots else []

    def inner(self, index: int) -> "array[int]":
        """The indexes of the values inside another; kept, for a long list is asked for again and again."""
        found = self._inner.get(index)
        if found is None:
            found, child = array("I"), index + 1
            while child < self.ends[index]:
                found.append(child)
                child = self.ends[child]
            self._inner[index] = found
        return found

    def spot(self, index: int) -> Place:
        return _place(self.spots[index]) if index < len(self.spots) else Place(1, 1)

    def key(self, index: int) -> Place:
        return _place(self.keys[index]) if index < len(self.keys) and self.keys[index] != NO_KEY else self.spot(index)


def _position(value: Any, part: str | int) -> int | None:
    """The how many-th inner value that part of a path names."""
    if isinstance(value, dict):
        return next((number for number, key in enumerate(value) if key == part), None)
    if isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
        return part
    return None


def _place(number: int) -> Place:
    return Place((number >> _BITS) + 1, (number & ((1 << _BITS) - 1)) + 1)
