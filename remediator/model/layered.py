"""A mapping that never changes: what differs from an older one is laid over it, and all the rest is shared."""

from collections import defaultdict
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
# More changes than these, and than a share of the whole, are folded into a mapping of their own: copied rarely, and
# looked through quickly.
_THICK, _THIN, _SHARE = 512, 32, 8


class Layered(Mapping[str, T], Generic[T]):
    """Values by id; ``with_changes`` costs what changed, however many there are.

    A thousand changes after one another copy the whole twice.
    """

    __slots__ = ("_base", "_changed", "_flat", "_fresh", "_size", "_sorted")

    def __init__(self, base: Mapping[str, T] | None = None) -> None:
        """``base`` is not copied, and must not change any more."""
        self._base: Mapping[str, T] = {} if base is None else base
        self._changed: dict[str, T | None] = {}
        self._size = len(self._base)
        # All of it in one mapping, once somebody has looked through it.
        self._flat: Mapping[str, T] | None = None
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
        thick = min(_THICK, max(_THIN, len(self._base) // _SHARE))
        return laid if len(laid._changed) <= thick else Layered(laid._whole())

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
        # In the order of the whole: whoever was there keeps its place.
        held = dict.fromkeys(self._fresh[field].get(value, []))
        there = dict.fromkeys(key for key in old if key not in self._changed or key in held)
        return [self[key] for key in there | held]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return self._size

    def layers(self) -> tuple[Mapping[str, T], Mapping[str, T | None]]:
        """What lies beneath, the same for many, and what is laid over it."""
        return self._base, self._changed

    def values(self) -> ValuesView[T]:
        return self._whole().values()

    def items(self) -> ItemsView[str, T]:
        return self._whole().items()

    def copy(self) -> dict[str, T]:
        """A dict of one's own."""
        return dict(self._whole())

    def _whole(self) -> Mapping[str, T]:
        if not self._changed:
            return self._base
        if self._flat is None:
            laid: dict[str, T | None] = {**self._base, **self._changed}
            for key in [key for key, value in self._changed.items() if value is None]:
                del laid[key]
            self._flat = cast("dict[str, T]", laid)
        return self._flat


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
