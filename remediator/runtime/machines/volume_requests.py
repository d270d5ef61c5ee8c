"""What owners ask of their volumes: written down first, carried out, and answered when it ended."""

from collections import Counter
from dataclasses import replace
from typing import Any

from remediator.clock import Clock
from remediator.engine.machines import volume_asks
from remediator.engine.machines.refusals import Refused, Terms, not_found
from remediator.model.asks import VolumeAsk, VolumeKept
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.machine import Snapshot, Volume
from remediator.model.request import Operation, Origin
from remediator.runtime import names
from remediator.runtime.agents.watch import Watch
from remediator.runtime.ledger import Draft, Ledger
from remediator.runtime.machines.carrying import Carrier
from remediator.runtime.machines.regions import told_as
from remediator.runtime.machines.volume_ends import drop_operations

# Placement requests by region, and failures by (region, reason).
Counts = tuple[Counter[str], Counter[tuple[str, str]]]


class VolumeRequests:
    """Each coroutine is one request; refused means nothing was changed."""

    def __init__(self, ledger: Ledger, watch: Watch, clock: Clock, carrier: Carrier, counts: Counts) -> None:
        self._ledger = ledger
        self._watch = watch
        self._clock = clock
        self._carrier = carrier
        self._placements, self._failures = counts

    async def create(self, ask: VolumeAsk) -> Volume:
        """Empty, or with the content of a snapshot or of another volume, on a host of the region with room."""
        new_id = self._new_id(ask)
        if known := self._ledger.get(Volume, new_id):
            return self._same(known, ask)
        volume_asks.source_snapshot(ask, self._watch.fleet())
        snapshot_id = ask.snapshot_id or await self._forked(ask, new_id)
        self._placements[told_as(ask.region, self._watch.fleet())] += 1
        async with self._ledger.writing() as draft:
            operation = self._write(replace(ask, snapshot_id=snapshot_id), new_id, draft)
        await self._carrier.waited(operation)
        return self._volume(new_id)

    def _new_id(self, ask: VolumeAsk) -> str:
        """Of the client's key alone, if it gave one: whoever asks for the same again finds what there is."""
        seed = f"key/{ask.key}" if ask.key else f"{ask.name}/{self._clock.now().isoformat()}/{self._ledger.sequence}"
        return names.volume_id(f"{ask.app}/{seed}")

    def _same(self, known: Volume, ask: VolumeAsk) -> Volume:
        asked = (ask.name, ask.region or known.region, ask.size_mb or known.size_mb)
        if (known.name, known.region, known.size_mb) != asked:
            raise Refused("this Idempotency-Key was used for another volume", Terms(409, "idempotency_key_reused"))
        return known

    async def _forked(self, ask: VolumeAsk, new_id: str) -> str:
        """A copy of the source volume as it is now: a snapshot like any other, named after the new volume."""
        source = volume_asks.source_volume(ask, self._watch.fleet())
        if source is None:
            return ""
        # Before anything is copied: what is refused for its size leaves no snapshot behind.
        volume_asks.chosen_host(ask, volume_asks.wanted_mb(ask, source), self._watch.fleet())
        return (await self._taken(source, names.snapshot_id(f"fork/{new_id}"))).id

    def _write(self, ask: VolumeAsk, new_id: str, draft: Draft) -> Operation:
        fleet, now = self._watch.fleet(), self._clock.now()
        source = draft.get(Snapshot, ask.snapshot_id)
        size = volume_asks.wanted_mb(ask, source)
        host = self._host(ask, size, fleet)
        blank = Volume(new_id, ask.app, ask.name, host.region, host.name, size, now, state="creating")
        kept = replace(blank, retention_days=ask.retention_days, auto_backup=ask.auto_backup)
        draft.put(replace(kept, restored_from=ask.snapshot_id))
        args: dict[str, Any] = {"volume_id": new_id, "app": ask.app, "name": ask.name, "size_mb": size}
        if source:
            args |= {"snapshot_id": source.id, "source_volume": source.volume}
        # The moment too: agents keep results by key, and a client's key may be used again one day.
        operation = self._operation(f"volume:{new_id}:{now.isoformat()}", "create_volume", host.name, args)
        draft.put(operation)
        return operation

    def _host(self, ask: VolumeAsk, size: int, fleet: Fleet) -> Host:
        try:
            return volume_asks.chosen_host(ask, size, fleet)
        except Refused:
            self._failures[told_as(ask.region, fleet), "volume_placement_capacity"] += 1
            raise

    async def snapshot(self, volume_id: str) -> Snapshot:
        volume = self._volume(volume_id)
        return await self._taken(volume, names.snapshot_id(f"{volume_id}/{self._clock.now().isoformat()}"))

    async def _taken(self, volume: Volume, new_id: str) -> Snapshot:
        self._reachable(volume)
        args = {"volume_id": volume.id, "snapshot_id": new_id}
        await self._carrier.run(self._operation(f"snapshot:{new_id}", "snapshot", volume.host, args))
        coming = Snapshot(new_id, volume.id, volume.app, self._clock.now(), 0, "", state="creating")
        return self._ledger.get(Snapshot, new_id) or replace(coming, retention_days=volume.retention_days)

    async def extend(self, volume_id: str, size_mb: int) -> tuple[Volume, bool]:
        """Promised room from the moment it is written down; also whether its machine must restart to use it."""
        async with self._ledger.writing() as draft:
            volume = self._volume(volume_id)
            if refused := volume_asks.extension_refused(volume, size_mb, self._watch.fleet()):
                raise refused
            if size_mb == volume.size_mb:
                return volume, False
            draft.put(replace(volume, size_mb=size_mb))
            args = {"volume_id": volume_id, "size_mb": size_mb, "was_mb": volume.size_mb}
            key = f"extend:{volume_id}:{size_mb}:{self._clock.now().isoformat()}"
            operation = self._operation(key, "extend_volume", volume.host, args)
            draft.put(operation)
        await self._carrier.waited(operation)
        ended = self._ledger.get(Operation, operation.key)
        return self._volume(volume_id), bool(ended and ended.args.get("needs_restart"))

    async def update(self, volume_id: str, kept: VolumeKept) -> Volume:
        """Rows alone: it works while the volume's host is dead too."""
        async with self._ledger.writing() as draft:
            volume = self._volume(volume_id)
            days = volume.retention_days if kept.retention_days is None else kept.retention_days
            backup = volume.auto_backup if kept.auto_backup is None else kept.auto_backup
            draft.put(replace(volume, retention_days=days, auto_backup=backup))
        return self._volume(volume_id)

    async def destroy(self, volume_id: str, *, origin: Origin, who: str) -> Volume:
        """Accepted durably; carried out when its host answers. Twice is once."""
        async with self._ledger.writing() as draft:
            volume = self._volume(volume_id)
            if volume.doomed:
                return volume
            if refused := volume_asks.end_refused(volume, self._watch.fleet()):
                raise refused
            ended = replace(volume, state=volume_asks.ending(volume))
            draft.put(ended)
            draft.note(self._clock.now(), "volume_condemned", volume_id, {"origin": origin, "who": who})
            drop_operations(volume_id, self._ledger, draft)
        self._watch.wake()
        return self._ledger.get(Volume, volume_id) or ended

    def _operation(self, key: str, verb: str, host: str, args: dict[str, Any]) -> Operation:
        return Operation(key, verb, host, args, Origin.OWNER, self._clock.now())

    def _reachable(self, volume: Volume) -> None:
        if refused := volume_asks.unreachable(volume, self._ledger.get(Host, volume.host)):
            raise refused

    def _volume(self, volume_id: str) -> Volume:
        found = self._ledger.get(Volume, volume_id)
        if found is None:
            raise not_found("volume")
        return found
