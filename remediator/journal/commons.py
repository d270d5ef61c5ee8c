"""What the remediators of one fleet share beside their journals: who is up, who leads what, and what they tell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from remediator.journal.chain import Head
from remediator.journal.lease import Lease


@dataclass(frozen=True, slots=True)
class Candidate:
    """One remediator's process; ``up`` is for how many seconds, ``age`` how many seconds ago its last word was."""

    holder: str
    name: str
    url: str
    prefer: tuple[str, ...] = ()
    up: float = 0.0
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A shard's lease as it stands: ``left`` seconds of it, below 0 for how long it has been free."""

    holder: str
    left: float


@dataclass(frozen=True, slots=True)
class View:
    """All of it at one moment; ``freeze`` is the operator's last signed word, empty where there is none."""

    candidates: tuple[Candidate, ...] = ()
    leaders: Mapping[str, Standing] = field(default_factory=dict)
    freeze: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Word:
    """What a shard's leader told last, and how many seconds ago."""

    shard: str
    age: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Stake:
    """What a shard holds of a budget of the whole fleet, and whether it could use more."""

    held: int = 0
    wants: bool = False


# Budget, then shard.
Stakes = Mapping[str, Mapping[str, Stake]]
# What becomes of one shard's own stakes, given all of them and the database's clock in unix seconds.
Settling = Callable[[Stakes, float], Mapping[str, Stake]]


class Commons(Protocol):
    """Synchronous, and for one thread. All raise ``TransientError`` when nobody can be asked.

    Implementers owe: ``tell`` and ``settle`` change nothing once the lease is lost (``LeaseLost``); one ``settle``
    sees whatever the one before wrote, and is durable when it returns.
    """

    def beat(self, candidate: Candidate) -> View: ...

    def freeze(self, statement: Mapping[str, Any], at: str) -> None: ...

    def tell(self, lease: Lease, body: bytes) -> None: ...

    def words(self) -> Sequence[Word]: ...

    def head(self, shard: str) -> Head: ...

    def rows(self, shard: str, kind: str) -> Sequence[bytes]: ...

    def settle(self, lease: Lease, settling: Settling) -> Mapping[str, Stake]: ...

    def close(self) -> None: ...
