"""A lease office in memory: for tests and the simulator, under the same contract as the database's."""

from dataclasses import replace
from datetime import datetime, timedelta

from remediator.clock import Clock
from remediator.journal.lease import Lease
from remediator.journal.protocol import LeaseLost
from remediator.model.errors import TransientError


class FakeOffice:
    """Leases by one clock; while ``away`` nobody is answered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, Lease] = {}
        self.away = False

    def take_lease(self, shard: str, holder: str, seconds: float) -> Lease | None:
        now, held = self._asked(), self._held.get(shard)
        running = held is not None and held.until > now
        if held is not None and running and held.holder != holder:
            return None
        term = held.term + (not running) if held else 1
        self._held[shard] = Lease(shard, holder, term, seconds, now + timedelta(seconds=seconds))
        return self._held[shard]

    def renew(self, lease: Lease) -> Lease:
        now = self._asked()
        held = self.current(lease.shard)
        if held is None or not _same(held, lease):
            raise LeaseLost(f"term {lease.term} is over")
        self._held[lease.shard] = replace(held, until=now + timedelta(seconds=lease.seconds))
        return self._held[lease.shard]

    def release(self, lease: Lease) -> None:
        now = self._asked()
        held = self.current(lease.shard)
        if held and _same(held, lease):
            self._held[lease.shard] = replace(held, until=now)

    def current(self, shard: str) -> Lease | None:
        now, held = self._asked(), self._held.get(shard)
        return held if held and held.until > now else None

    def close(self) -> None:
        pass

    def _asked(self) -> datetime:
        if self.away:
            raise TransientError("the office is away")
        return self._clock.now()


def _same(one: Lease, other: Lease) -> bool:
    return (one.holder, one.term) == (other.holder, other.term)
