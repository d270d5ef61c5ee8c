"""The state in memory: records by kind and id, and the tables that follow each change of one."""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from exporter.orchestrator.state import Answer, Placement, Requested

# So many new records are here to stay: the garbage collector, which stops all threads, need not look at them again.
MANY = 1_000
# Which field names a record among its kind: those that come as changes, and those that always come whole.
CHANGING = {
    "hosts": "name",
    "machines": "id",
    "volumes": "id",
    "destroys": "machine",
    "migrations": "id",
    "bursts": "id",
    "loans": "host",
}
WHOLE: dict[str, Callable[[Any], str]] = {
    "requests": lambda one: one.region,
    "failures": lambda one: f"{one.region}\0{one.reason}",
    "unmet": lambda one: one.region,
    "api": lambda one: f"{one.operation}\0{one.version}\0{one.code}",
    "undead": lambda one: one.host,
    "deploys": lambda one: one.version,
}


class Follower(Protocol):
    """Something kept in step with the records of the types in ``of``."""

    of: Mapping[type, Any]

    def change(self, key: str, old: Any, new: Any) -> None:
        """One record is other than it was; None stands for one that is not there. ``key`` is unique in its kind."""
        ...

    def clear(self) -> None: ...


class Fold:
    """Applies answers. A follower that comes later is told of everything that is there."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Any]] = {kind: {} for kind in (*CHANGING, *WHOLE)}
        self._followers: list[Follower] = []
        self._told: defaultdict[type, list[Callable[[str, Any, Any], None]]] = defaultdict(list)

    def attach(self, follower: Follower) -> None:
        self._followers.append(follower)
        for kind in follower.of:
            self._told[kind].append(follower.change)
        for records in self._records.values():
            self._replay(records, follower)

    def _replay(self, records: Mapping[str, Any], follower: Follower) -> None:
        for number, (key, record) in enumerate(records.items(), 1):
            if type(record) in follower.of:
                follower.change(key, None, record)
            if number % MANY == 0:
                gc.freeze()

    def clear(self) -> None:
        for records in self._records.values():
            records.clear()
        for follower in self._followers:
            follower.clear()

    def apply(self, answer: Answer) -> None:
        if len(answer.machines) + len(answer.volumes) >= MANY:
            gc.freeze()
        for kind, field in CHANGING.items():
            for number, record in enumerate(getattr(answer, kind)):
                # The version before ours names neither migrations nor bursts, and sends them all.
                self._put(kind, getattr(record, field) or f"#{number}", record)
        for kind, keys in answer.gone.items():
            for key in keys:
                self._drop(kind, key)
        for kind, whole in _whole(answer).items():
            self._replace(kind, {WHOLE[kind](record): record for record in whole})

    def _put(self, kind: str, key: str, new: Any) -> None:
        records = self._records[kind]
        old = records.get(key)
        if old == new:
            return
        records[key] = new
        for change in self._told[type(new)]:
            change(key, old, new)

    def _drop(self, kind: str, key: str) -> None:
        # A kind of a later version, or a record that came and went between two looks.
        old = self._records.get(kind, {}).pop(key, None)
        for change in self._told[type(old)]:
            change(key, old, None)

    def _replace(self, kind: str, new: Mapping[str, Any]) -> None:
        for key in [key for key in self._records[kind] if key not in new]:
            self._drop(kind, key)
        for key, record in new.items():
            self._put(kind, key, record)


def _whole(answer: Answer) -> dict[str, Iterable[Any]]:
    told: dict[str, Iterable[Any] | None] = {
        "api": answer.api,
        "undead": answer.undead,
        "deploys": answer.deploys,
        **_placement(answer.placement),
    }
    return {kind: records for kind, records in told.items() if records is not None}


def _placement(told: Placement | None) -> dict[str, Iterable[Any]]:
    if told is None:
        return {}
    requests = [Requested(region, count) for region, count in told.requests.items()]
    return {"requests": requests, "failures": told.failures, "unmet": told.unmet}
