"""What remediators share, in memory: under the contract of the one in PostgreSQL, by a clock of its own."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from remediator.journal.chain import Head
from remediator.journal.commons import Candidate, Settling, Stake, View, Word
from remediator.journal.lease import Lease
from remediator.journal.protocol import LeaseLost
from remediator.model.errors import TransientError


class FakeCommons:
    """``lost`` are leases that are another's by now; ``away`` while nobody can be asked."""

    def __init__(self, view: View | None = None, seconds: Callable[[], float] = float) -> None:
        self.view = view or View()
        self.seconds = seconds
        self.stakes: defaultdict[str, dict[str, Stake]] = defaultdict(dict)
        self.spoken: dict[str, tuple[bytes, float]] = {}
        self.kept: dict[tuple[str, str], list[bytes]] = {}
        self.heads: dict[str, Head] = {}
        self.frozen: list[Mapping[str, Any]] = []
        self.lost: set[Lease] = set()
        self.away = False

    def beat(self, candidate: Candidate) -> View:  # noqa: ARG002 - the view is given
        self._reach()
        return self.view

    def freeze(self, statement: Mapping[str, Any], at: str) -> None:  # noqa: ARG002 - all are kept
        self._reach()
        self.frozen.append(statement)

    def tell(self, lease: Lease, body: bytes) -> None:
        self._fence(lease)
        self.spoken[lease.shard] = body, self.seconds()

    def words(self) -> Sequence[Word]:
        self._reach()
        return [Word(shard, self.seconds() - at, body) for shard, (body, at) in sorted(self.spoken.items())]

    def head(self, shard: str) -> Head:
        self._reach()
        return self.heads.get(shard, Head())

    def rows(self, shard: str, kind: str) -> Sequence[bytes]:
        self._reach()
        return self.kept.get((shard, kind), [])

    def settle(self, lease: Lease, settling: Settling) -> Mapping[str, Stake]:
        self._fence(lease)
        after = settling({key: dict(of) for key, of in self.stakes.items()}, self.seconds())
        for key, stake in after.items():
            self.stakes[key][lease.shard] = stake
            if stake == Stake():
                del self.stakes[key][lease.shard]
        return after

    def close(self) -> None:
        pass

    def _reach(self) -> None:
        if self.away:
            raise TransientError("commons: away")

    def _fence(self, lease: Lease) -> None:
        self._reach()
        if lease in self.lost:
            raise LeaseLost("the lease is lost")
