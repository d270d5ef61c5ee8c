"""When this host last had a remediator: on the clock that no suspension stops, kept across restarts of the agent."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from remediator.clock import Clock

_KEEP_SECONDS = 1.0


@dataclass(slots=True)
class Contact:
    """``at`` is a moment of the monotonic clock, None when there was none in this life of the host.

    The file is not synced: it has to outlive the agent, not the host, after whose end nothing here runs any more.
    """

    clock: Clock
    file: Path
    boot_id: str
    at: float | None = None

    @classmethod
    def load(cls, clock: Clock, file: Path, boot_id: str) -> "Contact":
        contact = cls(clock, file, boot_id)
        with suppress(OSError, ValueError):
            boot, _, moment = file.read_text().rpartition(" ")
            # A moment that lies ahead is of another life, whatever its name is.
            contact.at = float(moment) if boot == boot_id and float(moment) <= clock.monotonic() else None
        return contact

    def made(self) -> None:
        """The remediator was heard just now."""
        self.at = self.clock.monotonic()

    async def keep(self) -> None:
        """Write it down now and then, for ever; a disk that hangs holds up this alone."""
        while True:
            await asyncio.to_thread(self.write)
            await self.clock.sleep(_KEEP_SECONDS)

    def write(self) -> None:
        with suppress(OSError):
            if self.at is not None:
                self.file.write_text(f"{self.boot_id} {self.at}")

    def away(self) -> float | None:
        """Seconds since it was last heard; None when nobody was in this life of the host."""
        return None if self.at is None else self.clock.monotonic() - self.at
