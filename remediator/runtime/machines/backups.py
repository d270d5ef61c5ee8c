"""Snapshots taken each day, and those forgotten that are older than their owner keeps them."""

import logging
from datetime import datetime
from itertools import islice

from remediator.clock import Clock
from remediator.engine.machines.backups import due, home_of, over
from remediator.model.errors import FleetmendError
from remediator.model.machine import Snapshot, Volume
from remediator.model.request import Operation, Origin
from remediator.runtime import names
from remediator.runtime.agents.watch import Watch
from remediator.runtime.ledger import Ledger

log = logging.getLogger("fleetmend.backups")
_EVERY = 60.0
# In one round: a fleet that was down for a day must not copy all of its volumes at once.
AT_ONCE = 100


class Backups:
    """Nothing is taken or forgotten while the fleet is frozen, or while we do not trust ourselves."""

    def __init__(self, ledger: Ledger, watch: Watch, clock: Clock) -> None:
        self._ledger = ledger
        self._watch = watch
        self._clock = clock

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._clock.sleep(_EVERY)
            try:
                await self.look()
            except FleetmendError as error:
                log.warning("no snapshots are taken or forgotten: %s", error)

    async def look(self) -> None:
        """Write down what is due by now; the outbox carries it out."""
        fleet, now = self._watch.fleet(), self._clock.now()
        if fleet.frozen or fleet.doubts:
            return
        taken = [self._taken(volume, now) for volume in islice(due(fleet, now), AT_ONCE)]
        forgotten = [self._forgotten(each, home_of(each, fleet), now) for each in islice(over(fleet, now), AT_ONCE)]
        if taken or forgotten:
            async with self._ledger.writing() as draft:
                draft.put(*taken, *forgotten)
            self._watch.wake()

    def _taken(self, volume: Volume, now: datetime) -> Operation:
        name = names.snapshot_id(f"{volume.id}/{now.isoformat()}")
        args = {"volume_id": volume.id, "snapshot_id": name}
        return Operation(f"snapshot:{name}", "snapshot", volume.host, args, Origin.AUTOMATIC, now)

    def _forgotten(self, snapshot: Snapshot, host: str, now: datetime) -> Operation:
        """An owner's word, said when the volume was made: no automatic act destroys a snapshot."""
        key = f"drop-snapshot:{snapshot.id}:{now.isoformat()}"
        return Operation(key, "drop_snapshot", host, {"snapshot_id": snapshot.id}, Origin.OWNER, now)
