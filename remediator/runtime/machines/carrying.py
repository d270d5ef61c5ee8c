"""Operations carried out while their owner waits for the answer."""

import asyncio
from contextlib import suppress

from remediator.model.errors import PermanentError, TransientError
from remediator.model.host import LOST, Host
from remediator.model.machine import Machine
from remediator.model.request import Migration, MigrationStage, Operation, Stage
from remediator.runtime.agents.watch import Watch
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.ledger import Ledger

_M = MigrationStage
# Not yet the target's.
_ON_ITS_WAY = frozenset({_M.PLANNED, _M.RESERVED, _M.COPYING, _M.STARTING})


class Carrier:
    """``answer_within`` are the seconds that a client has patience for."""

    def __init__(self, ledger: Ledger, watch: Watch, outbox: Outbox, answer_within: float) -> None:
        self._ledger = ledger
        self._watch = watch
        self._outbox = outbox
        self._answer_within = answer_within

    async def run(self, operation: Operation) -> None:
        """Write it down, have it sent, and wait for its end."""
        async with self._ledger.writing() as draft:
            draft.put(operation)
        await self.waited(operation)

    async def waited(self, operation: Operation) -> bool:
        """Until what is written down already ended, or for as long as a client has patience: then False.

        Raises:
            PermanentError: it failed for good.
            TransientError: it was given up, with all that it was for; it may be asked for again.
        """
        self._watch.wake()
        try:
            ended = await self._outbox.ended(operation.key, self._answer_within)
        except TransientError:
            if self._ledger.get(Operation, operation.key) is None and not self._came_to_its_end(operation):
                raise TransientError(f"{operation.host} was lost before it was done") from None
            # Accepted and under way: an error would make clients ask for the same a second time.
            return False
        if ended.stage is Stage.FAILED:
            raise PermanentError(ended.error)
        return True

    def _came_to_its_end(self, operation: Operation) -> bool:
        """Whether its host, which lives, has made it and it is destroyed since: that word overtook the other."""
        machine, host = self._ledger.get(Machine, operation.machine), self._ledger.get(Host, operation.host)
        return machine is not None and machine.condemned and host is not None and host.life not in LOST

    async def moved(self, migration: Migration) -> bool:
        """The same for a machine that moves: until it is on its new host.

        Raises:
            PermanentError: it is as it was, where it was.
        """
        self._watch.wake()
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._arrived(migration.id), self._answer_within)
        return False

    async def _arrived(self, migration: str) -> bool:
        while True:
            known = self._ledger.get(Migration, migration)
            if known is None or known.stage is MigrationStage.ROLLED_BACK:
                raise PermanentError(f"not done: {known.note if known else 'it was forgotten'}")
            if known.stage not in _ON_ITS_WAY:
                return True
            await self._ledger.news()
