"""The lease: an agent that is cut off from everybody stops what its apps agreed to have stopped then."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from remediator.agent.contact import Contact
from remediator.agent.machines import Machines
from remediator.agent.peering import Peering, lapsed
from remediator.clock import Clock
from remediator.model.errors import FleetmendError
from remediator.wire.statements import LeaseTerms, Peer

EVERY_SECONDS = 1.0
# Peers are asked for this long before anything follows from their silence.
FIRST_SECONDS = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=0.9)


@dataclass(slots=True)
class Lease:
    """Asks the peers while something here is under lease; whatever is, is stopped when the lease has run out."""

    rack: str
    machines: Machines
    peering: Peering
    contact: Contact
    clock: Clock
    log: logging.Logger
    # Since when something here is under lease: nobody was asked before.
    _began: float | None = None

    async def keep(self) -> None:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as http:
            while True:
                await self.look(http)
                await self.clock.sleep(EVERY_SECONDS)

    async def look(self, http: aiohttp.ClientSession) -> None:
        """One round: ask, and stop what must not run on."""
        terms = self.peering.terms
        held = [r for r in self.machines.records.values() if r.under_lease and r.desired == "started"]
        if terms is None or not held or self.machines.lease_over:
            self._began = None
            return
        if self._began is None:
            self._began = self.clock.monotonic()
        await asyncio.gather(*(self._ask(http, peer) for peer in terms.peers))
        if self._lapsed(terms):
            self.log.warning("the lease has run out: %s machines that are under it are stopped", len(held))
            # From here on none of them starts, those between two tries to restart included, until we are welcomed.
            self.machines.lease_over = True
            await self.machines.halt(frozenset(record.id for record in held))

    def _lapsed(self, terms: LeaseTerms) -> bool:
        now, began = self.clock.monotonic(), self._began or 0.0
        if now - began < FIRST_SECONDS:
            return False
        # An agent that was started anew goes on with the lease of the one before: it has not heard its peers yet.
        contact = began if self.contact.at is None else self.contact.at
        silent = {peer.name: now - self.peering.heard.get(peer.name, contact) for peer in terms.peers}
        return lapsed(terms, self.rack, now - contact, silent)

    async def _ask(self, http: aiohttp.ClientSession, peer: Peer) -> None:
        nonce, asked_at = self.peering.question(), self.clock.monotonic()
        with suppress(aiohttp.ClientError, TimeoutError, OSError, FleetmendError):
            query = {"from": self.peering.name, "nonce": nonce}
            async with http.get(f"{peer.url}/v1/peer", params=query, allow_redirects=False) as answer:
                self.peering.told(peer, nonce, asked_at, await answer.content.read(4096))
