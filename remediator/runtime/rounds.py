"""What is looked after once a second, for ever: the power of hosts in doubt, and where agents are to be found."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from remediator.clock import Clock
from remediator.model.host import Host, Life
from remediator.runtime.ledger import Ledger
from remediator.settings import InventoryHost
from remediator.sources.evidence import Evidence
from remediator.sources.power import Bmc, read_power

_EVERY = 1.0


class PowerRound:
    """Asks the BMC of every host that is in doubt or dead."""

    def __init__(
        self,
        ledger: Ledger,
        evidence: Evidence,
        inventory: Mapping[str, InventoryHost],
        session: aiohttp.ClientSession,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._evidence = evidence
        self._inventory = inventory
        self._session = session
        self._clock = clock

    async def run(self) -> None:
        while True:
            doubted = [h for h in self._ledger.all(Host).values() if h.life in (Life.SUSPECT, Life.DEAD)]
            await asyncio.gather(*(self._ask(host) for host in doubted))
            await self._clock.sleep(_EVERY)

    async def _ask(self, host: Host) -> None:
        known = self._inventory.get(host.name)
        if known is None or known.bmc is None or known.bmc.token_file is None:
            return
        state = await read_power(self._session, Bmc(known.bmc.url, known.bmc.token_file), host)
        self._evidence.powered(host.name, state, self._clock.now())


async def publish_agents(ledger: Ledger, file: Path, clock: Clock) -> None:
    """Keep the list by which stop-all finds the agents when we are gone."""
    written: list[dict[str, object]] = []
    while True:
        places: list[dict[str, object]] = [
            {"name": host.name, "address": host.address, "port": host.agent_port}
            for host in ledger.all(Host).values()
            if host.address and host.life is not Life.RETIRED
        ]
        if places != written:
            fresh = file.with_suffix(".new")
            fresh.write_text(json.dumps(places), encoding="utf-8")
            fresh.replace(file)
            written = places
        await clock.sleep(_EVERY)
