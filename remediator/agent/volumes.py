"""The table of this host's volumes: who has which, what they hold, and their snapshots."""

import asyncio
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from remediator.agent.disks import VolumeDisk
from remediator.agent.record import MachineRecord, VolumeRecord
from remediator.agent.snapshots import SnapshotRecord, SnapshotStore, checked_name
from remediator.agent.state import Change, Store, drop_volume, put_volume
from remediator.clock import Clock
from remediator.model.errors import PermanentError, TransientError

# A snapshot of a volume that is written to all the time needs its machine paused after this many tries.
UNDISTURBED_TRIES = 2


class Volumes:
    """Volumes by id; every change is on disk before it is told.

    Args:
        changed: called after each change, so that it is reported soon.
    """

    def __init__(
        self, store: Store, disk: VolumeDisk, snapshots: SnapshotStore, clock: Clock, changed: Callable[[], None]
    ) -> None:
        self.records = {record.id: record for record in store.volumes()}
        self._store = store
        self._disk = disk
        self._snapshots = snapshots
        self._clock = clock
        self._changed = changed

    async def create(self, volume: str, *, app: str, name: str, size_mb: int, snapshot: str | None) -> VolumeRecord:
        """An empty volume, or one with a snapshot's content; the same one when it exists.

        Raises:
            PermanentError: no room, or a snapshot that is unknown or damaged.
        """
        if known := self.records.get(checked_name(volume)):
            return known
        if size_mb <= 0:
            raise PermanentError(f"volume {volume}: size_mb must be above zero")
        kind = await asyncio.to_thread(self._disk.create, volume, size_mb)
        if snapshot:
            await self._restore(volume, snapshot)
        record = VolumeRecord(volume, app, name, size_mb, kind)
        record = await asyncio.to_thread(self._disk.measured, record)
        await self._put(record)
        return record

    async def _restore(self, volume: str, snapshot: str) -> None:
        try:
            await asyncio.to_thread(self._snapshots.restore, snapshot, self._disk.folder(volume))
        except PermanentError:
            await asyncio.to_thread(self._disk.destroy, volume)
            raise

    async def extend(self, volume: str, size_mb: int) -> str:
        """Make a volume larger, in use or not; whose machine must start anew to use it, empty for none.

        Raises:
            PermanentError: no room, or it is unknown here.
            TransientError: it cannot be made larger now.
        """
        record = self._known(volume)
        if size_mb <= record.size_mb:
            return ""
        at_once = await asyncio.to_thread(self._disk.extend, record, size_mb)
        await self._put(replace(self.records[volume], size_mb=size_mb))
        return "" if at_once else self.records[volume].machine

    async def destroy(self, volume: str) -> None:
        """Remove a volume and its content for good; nothing when it is unknown.

        Raises:
            PermanentError: a machine has it.
            TransientError: it is still in use.
        """
        record = self.records.get(checked_name(volume))
        if record and record.machine:
            raise PermanentError(f"volume {volume} is attached to machine {record.machine}")
        await asyncio.to_thread(self._disk.destroy, volume)
        if self.records.pop(volume, None):
            await self._store.write(drop_volume(volume))
            self._changed()

    def attach(self, machine: str, volumes: Iterable[str]) -> list[Change]:
        """Give volumes to a machine; the changes to write.

        Raises:
            PermanentError: one is unknown here, or another machine's: none is ever mounted twice.
        """
        wanted = [self._known(volume) for volume in volumes]
        for record in wanted:
            if record.machine not in ("", machine):
                raise PermanentError(f"volume {record.id} is attached to machine {record.machine}")
        return [self._hold(record.attached(machine)) for record in wanted]

    def detach(self, machine: str) -> list[Change]:
        """Take back what a machine has; the changes to write. The content stays."""
        held = [record for record in self.records.values() if record.machine == machine]
        return [self._hold(record.attached("")) for record in held]

    async def give(self, machine: MachineRecord) -> dict[str, Path]:
        """The directories of a machine's volumes, ready for its uid.

        Raises:
            TransientError: one cannot be mounted now.
        """
        records = [self._known(volume) for volume in machine.volumes]
        return {record.id: await asyncio.to_thread(self._disk.give_to, record, machine.uid) for record in records}

    def largest_directory_mb(self, machine: MachineRecord) -> int:
        """The bound on single files where a volume's size is not enforced by a filesystem; 0: none is needed."""
        records = [self._known(volume) for volume in machine.volumes]
        return max((record.size_mb for record in records if record.kind == "directory"), default=0)

    async def snapshot(self, volume: str, snapshot: str, signal_all: Callable[[str, int], None]) -> SnapshotRecord:
        """Copy a volume's content off this host.

        Args:
            signal_all: signals a machine's processes; it is paused only when it writes all the time.

        Raises:
            TransientError: the copy cannot be written.
        """
        record, at = self._known(volume), self._clock.now()
        content = await asyncio.to_thread(self._disk.ready, record)
        for _ in range(UNDISTURBED_TRIES):
            if taken := await asyncio.to_thread(self._snapshots.take, snapshot, record, content, at):
                return taken
        await asyncio.to_thread(signal_all, record.machine, signal.SIGSTOP)
        try:
            taken = await asyncio.to_thread(self._snapshots.take, snapshot, record, content, at)
        finally:
            await asyncio.to_thread(signal_all, record.machine, signal.SIGCONT)
        if taken is None:
            raise TransientError(f"volume {volume} changes all the time; there is no moment to copy")
        return taken

    async def drop_snapshot(self, snapshot: str) -> None:
        await asyncio.to_thread(self._snapshots.drop, snapshot)

    async def measure(self) -> None:
        """Look how full the volumes are; called now and then."""
        for record in list(self.records.values()):
            measured = await asyncio.to_thread(self._disk.measured, record)
            if self.records.get(record.id) is record and measured != record:
                self.records[record.id] = measured
                self._changed()

    async def mount_all(self) -> None:
        """Mount again what a new life of the host finds unmounted; what fails is tried again at its use."""
        for record in self.records.values():
            try:
                await asyncio.to_thread(self._disk.ready, record)
            except TransientError:
                continue

    def _known(self, volume: str) -> VolumeRecord:
        record = self.records.get(volume)
        if record is None:
            raise PermanentError(f"volume {volume} is not on this host")
        return record

    def _hold(self, record: VolumeRecord) -> Change:
        self.records[record.id] = record
        self._changed()
        return put_volume(record)

    async def _put(self, record: VolumeRecord) -> None:
        await self._store.write(put_volume(record))
        self.records[record.id] = record
        self._changed()
