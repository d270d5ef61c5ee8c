"""The journal's own affairs: its head is exported, old history gives way to a snapshot, people hear of its disk."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from nacl.signing import VerifyKey

from remediator.clock import Clock
from remediator.engine.guards.durability import REASON
from remediator.journal.chain import Head
from remediator.journal.heads import FILE, head_doc, rewound, told_before, write_head
from remediator.journal.protocol import UNSAFE, Journal
from remediator.model.errors import FleetmendError
from remediator.runtime.ledger import Ledger

log = logging.getLogger("fleetmend.journal")
_EVERY = 1.0
_ROUNDS = 60
# Few enough that a decision never waits for them long.
_COMMITS_AT_ONCE = 200
LOW = 0.1


class Upkeep:
    """``rewound`` says why the journal is an older copy of what it was; ``cautions`` how durable a commit is."""

    def __init__(self, ledger: Ledger, data: Path, key: VerifyKey, keep: timedelta, clock: Clock) -> None:
        self._ledger = ledger
        self._file = data / FILE
        self._key = key
        self._keep = keep
        self._clock = clock
        self._exported = Head()
        self._free: float | None = None
        self.rewound = ""
        self.cautions: list[str] = []

    async def begin(self) -> None:
        """Compare the journal with the head that was exported last, before a newer one takes its place."""
        told = told_before(self._file.parent)
        self.rewound = await self._ledger.ask(lambda journal: rewound(journal, told))
        if self.rewound:
            log.error("%s", self.rewound)
        await self.look()

    def head(self) -> dict[str, Any]:
        """The signed head of this moment."""
        return head_doc(self._ledger.shard, self._ledger.head(), self._key)

    def told(self) -> list[str]:
        """What people must know, for `/readyz` and the status page."""
        return list(dict.fromkeys([*self.cautions, *self.doubts().values()]))

    def doubts(self) -> dict[str, str]:
        """What new destructive acts wait for: room on the disk, and a journal that keeps what it acknowledges."""
        unsafe = next((caution for caution in self.cautions if caution.startswith(UNSAFE)), "")
        found = {REASON: unsafe} if unsafe else {}
        if self._free is not None and self._free < LOW:
            found["DiskLow"] = f"{self._free:.1%} of the journal's disk is free, {LOW:.0%} is needed"
        return found

    async def run(self) -> None:
        """For ever."""
        while True:
            for _ in range(_ROUNDS):
                await self._clock.sleep(_EVERY)
                await self._export()
                self._free = await self._ledger.ask(lambda journal: journal.free_share())
            await self.look()
            await self._prune()

    async def look(self) -> None:
        """Ask how full the disk is, and what the journal has to say."""
        self._free = await self._ledger.ask(lambda journal: journal.free_share())
        self.cautions = await self._ledger.ask(lambda journal: journal.cautions())

    async def _export(self) -> None:
        head = self._ledger.head()
        if head == self._exported or self.rewound:
            # What shows that the journal was rewound stays until people have seen to it.
            return
        try:
            await asyncio.to_thread(write_head, self._file, head_doc(self._ledger.shard, head, self._key))
        except OSError as error:
            log.warning("cannot export the journal's head: %s", error.strerror)
            return
        self._exported = head

    async def _prune(self) -> None:
        before = self._clock.now() - self._keep

        def step(journal: Journal) -> int:
            return journal.prune(before, _COMMITS_AT_ONCE)

        try:
            while await self._ledger.ask(step):
                await self._clock.sleep(0)
        except FleetmendError as error:
            log.warning("cannot prune the journal: %s", error)
