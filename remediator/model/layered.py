"""A mapping that never changes: what differs from an older one is laid over it, and all the rest is shared."""

from collections import defaultdict
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, Generic, TypeVar

T = TypeVar("T")
# More changes than these are folded into a mapping of their own: copied rarely, and looked through quickly.
_THICK = 512


class Layered(Mapping[str, T], Generic[T]):
    """Values by id; ``with_changes`` costs what changed, however many there are.

    A thousand changes after one another copy the whole twice.
    """

    __slots__ = ("_base", "_changed", "_fresh", "_size", "_sorted")

    def __init__(self, base: Mapping[str, T] | None = None) -> None:
        """``base`` is not copied, and must not change any more."""
        self._base: Mapping[str, T] = {} if base is None else base
        self._changed: dict[str, T | None] = {}
        self._size = len(self._base)
        # Ids by field and value: of the base, shared by all that lie over it, and of the changes.
        self._sorted: dict[str, Mapping[Any, list[str]]] = {}
        self._fresh: dict[str, Mapping[Any, list[str]]] = {}

    def with_changes(self, changes: Mapping[str, T | None]) -> "Layered[T]":
        """The same with other values for those ids; None is one that is gone. No order is promised of the new."""
        if not changes:
            return self
        laid: Layered[T] = Layered(self._base)
        laid._sorted = self._sorted
        laid._changed = {**self._changed, **changes}
        # An id that is unknown, and told to be gone, leaves no trace.
        for key in [key for key, value in changes.items() if value is None and key not in self._base]:
            del laid._changed[key]
        laid._size = self._size + sum(_grown(self.get(key), value) for key, value in changes.items())
        return laid if len(laid._changed) <= _THICK else Layered(laid.copy())

    def __getitem__(self, key: str) -> T:
        if key in self._changed:
            found = self._changed[key]
            if found is None:
                raise KeyError(key)
            return found
        return self._base[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Without an exception on the way: most lookups of the engine are these."""
        if key in self._changed:
            found = self._changed[key]
            return default if found is None else found
        return self._base.get(key, default)

    def __contains__(self, key: object) -> bool:
        if key in self._changed:
            return self._changed[key] is not None
        return key in self._base

    def where(self, field: str, value: Any) -> list[T]:
        """Those whose field of that name has that value; what did not change is sorted once for all who share it."""
        if field not in self._sorted:
            self._sorted[field] = _by_field(self._base, field)
        old = self._sorted[field].get(value, [])
        if not self._changed:
            return [self._base[key] for key in old]
        if field not in self._fresh:
            self._fresh[field] = _by_field(self._changed, field)
        new = self._fresh[field].get(value, [])
        # In the order of the whole: whoever was there keeps its place.
        held = set(new)
        there = [key for key in old if key not in self._changed or key in held]
        return [self[key] for key in (*there, *(key for key in new if key not in set(there)))]

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.pairs()) if self._changed else iter(self._base)

    def __len__(self) -> int:
        return self._size

    def layers(self) -> tuple[Mapping[str, T], Mapping[str, T | None]]:
        """What lies beneath, the same for many, and what is laid over it."""
        return self._base, self._changed

    def values(self) -> ValuesView[T]:
        return _Values(self)

    def items(self) -> ItemsView[str, T]:
        return _Items(self)

    def copy(self) -> dict[str, T]:
        """A dict of one's own."""
        return dict(self.pairs())

    def pairs(self) -> Iterator[tuple[str, T]]:
        """Ids and values, looked through once and not looked up."""
        return self._laid() if self._changed else iter(self._base.items())

    def _laid(self) -> Iterator[tuple[str, T]]:
        changed = self._changed
        for key, value in self._base.items():
            if key not in changed:
                yield key, value
            elif (now := changed[key]) is not None:
                yield key, now
        for key, late in changed.items():
            if late is not None and key not in self._base:
                yield key, late


class _Values(ValuesView[T]):
    __slots__ = ()
    _mapping: Layered[T]

    def __iter__(self) -> Iterator[T]:
        return (value for _, value in self._mapping.pairs())


class _Items(ItemsView[str, T]):
    __slots__ = ()
    _mapping: Layered[T]

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return self._mapping.pairs()


def picked(values: Mapping[str, T], field: str, value: Any) -> list[T]:
    """Those of any mapping whose field has that value: quickly where it is layered."""
    if isinstance(values, Layered):
        return values.where(field, value)
    return [each for each in values.values() if getattr(each, field) == value]


def _by_field(values: Mapping[str, Any], field: str) -> Mapping[Any, list[str]]:
    found: defaultdict[Any, list[str]] = defaultdict(list)
    for key, value in values.items():
        if value is not None:
            found[getattr(value, field)].append(key)
    return dict(found)


def _grown(before: object, value: object) -> int:
    return int(value is not None) - int(before is not None)
