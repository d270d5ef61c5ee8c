"""What an agent looks after between commands: the freeze file, the disk's room, what is left to remove."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from remediator.agent.bell import Bell
from remediator.agent.frozen import Frozen
from remediator.agent.machines import Machines
from remediator.agent.sandbox import Sandbox
from remediator.agent.standing import Standing
from remediator.agent.state import Store
from remediator.agent.telling import Disk
from remediator.agent.volumes import Volumes
from remediator.clock import Clock
from remediator.model.errors import TransientError

FREEZE_SECONDS = 0.5
TIDY_SECONDS = 2.0
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Two loops; each blocks on the disk in threads only, so that a stuck disk does not silence the agent."""

    folder: Path
    disk: Disk
    machines: Machines
    volumes: Volumes
    sandbox: Sandbox
    standing: Standing
    frozen: Frozen
    bell: Bell
    store: Store

    async def watch_freeze(self, clock: Clock) -> None:
        while True:
            if await asyncio.to_thread(self.frozen.look):
                self.bell.ring()
            await clock.sleep(FREEZE_SECONDS)

    async def tidy(self, clock: Clock) -> None:
        await self.finish_condemned(clock)
        await self.volumes.mount_all()
        while True:
            await asyncio.to_thread(self._measure_disk)
            await self.volumes.measure()
            await self.finish_condemned(clock)
            await asyncio.to_thread(self.sandbox.purge)
            with suppress(TransientError):
                await self.store.forget()
            await clock.sleep(TIDY_SECONDS)

    async def finish_condemned(self, clock: Clock) -> None:
        """Those that an earlier life, a freeze, patience or a stuck kernel has left over."""
        due = self.standing.due(clock.now(), frozen=bool(self.frozen.text))
        if not due:
            return
        try:
            await self.machines.condemn(due)
        except TransientError:
            return

    def _measure_disk(self) -> None:
        try:
            room = os.statvfs(self.folder)
        except OSError:
            # A disk that fails tells nothing; what was known last stands.
            return
        self.disk.size_mb = room.f_blocks * room.f_frsize // _MIB
        self.disk.available_mb = room.f_bavail * room.f_frsize // _MIB
