"""Groups that are made once: of ten thousand hosts and two hundred thousand machines, nothing is sorted twice."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from remediator.model.layered import Layered

T = TypeVar("T")
_NOTHING: Mapping[str, Any] = {}


class Placed(Protocol):
    """Whatever is on exactly one host."""

    @property
    def host(self) -> str: ...


class Once:
    """Remembers one answer for as long as it is asked of the very same things, which must not change meanwhile."""

    __slots__ = ("_found", "_of")

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._found: Any = None

    def of(self, things: tuple[object, ...], make: Callable[[], T]) -> T:
        if not _same(things, self._of):
            self._found, self._of = make(), things
        found: T = self._found
        return found


def _same(things: tuple[object, ...], others: tuple[object, ...]) -> bool:
    if len(things) != len(others):
        return False
    for a, b in zip(things, others, strict=True):  # noqa: SIM110 - asked a hundred thousand times a second
        if a is not b:
            return False
    return True


class Grouped(Generic[T]):
    """Things by what they have in common; whose key is empty is in no group.

    The whole is sorted once for as long as what lies beneath stays the same; what is laid over it moves only itself.
    """

    __slots__ = ("_base", "_changes", "_gone", "_groups", "_key", "_moved", "_new")

    def __init__(self, key: Callable[[T], str]) -> None:
        self._key = key
        self._base: Mapping[str, T] | None = None
        self._changes: Mapping[str, T | None] = _NOTHING
        self._groups: dict[str, list[T]] = {}
        # By group: what was taken out of it, what was put in, and what it has become once somebody asked.
        self._gone: dict[str, list[T]] = {}
        self._new: dict[str, list[T]] = {}
        self._moved: dict[str, list[T]] = {}

    def of(self, things: Mapping[str, T], key: str) -> list[T]:
        """The group of that key; it is not to be changed."""
        if not self.touched(things, key):
            return self._groups.get(key, [])
        if key not in self._moved:
            gone = {id(thing) for thing in self._gone.get(key, ())}
            stay = [thing for thing in self._groups.get(key, ()) if id(thing) not in gone]
            self._moved[key] = stay + self._new.get(key, [])
        return self._moved[key]

    def many(self, things: Mapping[str, T], key: str) -> int:
        """How many there are of that key."""
        moved = self.touched(things, key)
        whole = len(self._groups.get(key, ()))
        return whole - len(self._gone.get(key, ())) + len(self._new.get(key, ())) if moved else whole

    def some(self, things: Mapping[str, T]) -> bool:
        """Whether any thing is in a group."""
        self.touched(things, "")
        return bool(self._groups or self._new)

    def touched(self, things: Mapping[str, T], key: str) -> bool:
        """Whether something was laid over what the group was."""
        base, changes = things.layers() if isinstance(things, Layered) else (things, _NOTHING)
        if base is not self._base:
            self._base, self._groups, self._changes = base, _sorted(base.values(), self._key), _NOTHING
            self._gone, self._new, self._moved = {}, {}, {}
        if changes is not self._changes:
            self._changes, self._moved = changes, {}
            self._gone = _sorted((thing for name in changes if (thing := base.get(name)) is not None), self._key)
            self._new = _sorted((thing for thing in changes.values() if thing is not None), self._key)
        return key in self._gone or key in self._new


class Tallied(Generic[T]):
    """How many things have which key; whose key is None is not counted.

    What has not changed is not looked at again.
    """

    __slots__ = ("_counts", "_key", "_things")

    def __init__(self, key: Callable[[T], Hashable | None]) -> None:
        self._key = key
        self._things: Mapping[str, T] = _NOTHING
        self._counts: Counter[Any] = Counter()

    def of(self, things: Mapping[str, T]) -> Counter[Any]:
        before = self._things
        if before is _NOTHING:
            self._counts = Counter(key for thing in things.values() if (key := self._key(thing)) is not None)
            self._things = things
        elif things is not before:
            alike = under(things) is under(before)
            names = over(things).keys() | over(before).keys() if alike else things.keys() | before.keys()
            for name in names:
                was, thing = before.get(name), things.get(name)
                if was is not thing:
                    self._count(was, -1)
                    self._count(thing, 1)
            self._things = things
        return self._counts

    def _count(self, thing: T | None, more: int) -> None:
        key = None if thing is None else self._key(thing)
        if key is not None:
            self._counts[key] += more


def under(things: Mapping[str, T]) -> Mapping[str, T]:
    """What lies beneath."""
    return things.layers()[0] if isinstance(things, Layered) else things


def over(things: Mapping[str, T]) -> Mapping[str, T | None]:
    """What was laid over it."""
    return things.layers()[1] if isinstance(things, Layered) else _NOTHING


def _sorted(things: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for thing in things:
        if name := key(thing):
            found[name].append(thing)
    return found
