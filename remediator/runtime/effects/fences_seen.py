"""What orchestrators say of the hosts that they were asked to cut off: who is by now, and who is not any more."""

import asyncio
import logging

from remediator.clock import Clock
from remediator.drivers.orchestrator import Meant, Orchestrator, Statement, unproved
from remediator.model.errors import PermanentError, TransientError
from remediator.model.host import Fence, Host, Life
from remediator.runtime.agents.rounds import BY_ORCHESTRATOR, KnownRound
from remediator.runtime.effects.fencing import ORCHESTRATOR, taken_back
from remediator.runtime.ledger import Draft, Ledger

log = logging.getLogger("fleetmend.fencing")
_EVERY = 2.0
_AT_ONCE = 32


async def look_after_fences(orchestrator: Orchestrator | None, ledger: Ledger, clock: Clock) -> None:
    """For ever: whom the orchestrator means by each name, and whom it has cut off; nothing where none is set."""
    if orchestrator is None:
        await asyncio.Event().wait()
        return
    known = KnownRound(ledger, orchestrator, clock, BY_ORCHESTRATOR)
    await asyncio.gather(known.run(), FenceRound(ledger, orchestrator, clock).run())


class FenceRound:
    """Observes each dead host's fence as long as it counts.

    A fence that came late, or whose request we died over, is found here; one that was lifted proves nothing more.
    """

    def __init__(self, ledger: Ledger, orchestrator: Orchestrator, clock: Clock) -> None:
        self._ledger = ledger
        self._orchestrator = orchestrator
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(_EVERY)

    async def look(self) -> None:
        """Ask for all of them, and write down what has changed; whoever does not answer has said nothing."""
        asked = [host for host in self._ledger.all(Host).where("life", Life.DEAD) if _counts(host)]
        told = await asyncio.gather(*(self._said(host) for host in asked), return_exceptions=True)
        news = []
        for host, said in zip(asked, told, strict=True):
            if isinstance(said, BaseException):
                log.error("asking for the fence of %s failed: %s", host.name, type(said).__name__)
            elif said is not None:
                news.append((host, said))
        if any(self._changes(host, self._against(host, said)) for host, said in news):
            async with self._ledger.writing() as draft:
                for host, said in news:
                    self._write(host, said, draft)

    async def _said(self, host: Host) -> Statement | None:
        try:
            async with self._places:
                return await self._orchestrator.statement(host.name)
        except (TransientError, PermanentError):
            return None

    def _against(self, host: Host, said: Statement) -> str:
        """What speaks against its being cut off; empty where nothing does."""
        meant = Meant(host.name, host.epoch, host.identity.uuid, host.boot_id, host.last_contact)
        try:
            return unproved(said, meant, self._clock.now())
        except PermanentError as error:
            return str(error)

    def _changes(self, host: Host, against: str) -> bool:
        if host.fence is Fence.PROVED:
            return bool(against) and host.fence_by == ORCHESTRATOR
        # While it is pending, who asked for it observes it.
        return not against and host.fence is not Fence.PENDING

    def _write(self, asked: Host, said: Statement, draft: Draft) -> None:
        host, now = draft.get(Host, asked.name), self._clock.now()
        if host is None or not _counts(host) or host.epoch != asked.epoch:
            return
        if not self._changes(host, against := self._against(host, said)):
            return
        if against:
            draft.put(taken_back(host, against, draft, now))
            return
        draft.put(host.fenced(Fence.PROVED, by=ORCHESTRATOR, now=now))
        text = f"found fenced by {said.proof.words if said.proof else ORCHESTRATOR}"
        draft.note(now, "fence", host.name, {"by": ORCHESTRATOR, "fence": "proved", "text": text})


def _counts(host: Host) -> bool:
    """Asked for in the life that has ended."""
    return host.life is Life.DEAD and host.cut_off_in == host.epoch
