"""Families that are kept in step with records, so that a scrape costs what has changed and not what there is."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client.metrics_core import Metric

from exporter.families import Family, Piece, Row
from exporter.orchestrator.fold import Follower
from exporter.orchestrator.leaves import Leaves

Labels = tuple[str, ...]


class Table(Follower, Protocol):
    """A follower that makes a family."""

    def family(self, now: float) -> Metric:
        """As of ``now``, in unix seconds."""
        ...


class Definition(Protocol):
    """A line of a collector: what its family is called, and how it follows from records."""

    def table(self) -> Table: ...


@dataclass(frozen=True, slots=True)
class Sum:
    """Samples are sums over records: ``of`` gives the rows that a record of a type adds to.

    A row of 0 keeps a label set there though nothing adds to it. Numbers that several records share must be whole,
    for they are added and taken away for ever. The rows are spread over ``leaves``, each written only when one of its
    rows changes: a dozen rows to a leaf is right.
    """

    name: str
    text: str
    labels: Labels
    of: Mapping[type, Callable[[Any], Sequence[Row]]]
    kind: str = "gauge"
    leaves: int = 1

    def table(self) -> Table:
        return Tally(self)


@dataclass(frozen=True, slots=True)
class Pick:
    """Each sample is made of a group of records by ``reduce``; ``of`` gives a record's group and number, or None.

    ``shown`` makes the sample's value of the group's and the time in unix seconds; without it, time does not matter.
    """

    name: str
    text: str
    labels: Labels
    of: Mapping[type, Callable[[Any], Row | None]]
    reduce: Callable[[Iterable[float]], float]
    shown: Callable[[float, float], float] | None = None

    def table(self) -> Table:
        return Groups(self)


class Tally:
    """A ``Sum``, kept."""

    def __init__(self, definition: Sum) -> None:
        self._definition = definition
        self.of = definition.of
        self.clear()

    def clear(self) -> None:
        self._leaves = Leaves(self._shape([]), self._definition.leaves)

    def change(self, key: str, old: Any, new: Any) -> None:  # noqa: ARG002 - sums need not know whose they are
        before = self.of[type(old)](old) if old is not None else ()
        after = self.of[type(new)](new) if new is not None else ()
        if before == after:
            return
        for labels, amount in before:
            self._leaves.add(labels, -amount, -1)
        for labels, amount in after:
            self._leaves.add(labels, amount, 1)

    def family(self, now: float) -> Metric:  # noqa: ARG002 - sums do not age
        return self._shape(self._leaves.pieces())

    def _shape(self, pieces: list[Piece]) -> Family:
        one = self._definition
        return Family(one.name.removesuffix("_total"), one.text, one.kind, one.labels, pieces)


class Groups:
    """A ``Pick``, kept."""

    def __init__(self, definition: Pick) -> None:
        self._definition = definition
        self.of = definition.of
        self.clear()

    def clear(self) -> None:
        self._members: defaultdict[Sequence[str], dict[tuple[type, str], float]] = defaultdict(dict)
        self._values: dict[Sequence[str], float] = {}
        self._stale: set[Sequence[str]] = set()
        self._written: Piece | None = None

    def change(self, key: str, old: Any, new: Any) -> None:
        before = self.of[type(old)](old) if old is not None else None
        after = self.of[type(new)](new) if new is not None else None
        if before == after:
            return
        if before is not None:
            del self._members[before[0]][type(old), key]
            self._stale.add(before[0])
        if after is not None:
            self._members[after[0]][type(new), key] = after[1]
            self._stale.add(after[0])

    def family(self, now: float) -> Metric:
        one = self._definition
        if self._stale:
            self._reduce()
        if one.shown is not None:
            rows = [(labels, one.shown(value, now)) for labels, value in self._values.items()]
            return Family(one.name, one.text, "gauge", one.labels, rows=rows)
        if self._written is None:
            self._written = Piece(list(self._values.items()), lasting=True)
        return Family(one.name, one.text, "gauge", one.labels, [self._written])

    def _reduce(self) -> None:
        for group in self._stale:
            if members := self._members[group]:
                self._values[group] = self._definition.reduce(members.values())
            else:
                del self._members[group]
                self._values.pop(group, None)
        self._stale.clear()
        self._written = None
