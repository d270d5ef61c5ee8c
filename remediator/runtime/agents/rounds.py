"""What is looked after for ever: power of hosts in doubt, whose BMC is whose, where agents are to be found."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from remediator.clock import Clock
from remediator.drivers.bmc import Bmcs, Reading, same_chassis
from remediator.model.host import Host, Life
from remediator.runtime.ledger import Ledger
from remediator.sources.evidence import Evidence

log = logging.getLogger("fleetmend.power")
_EVERY = 1.0
# A rack's loss must not start a child for each of its hosts at once.
_AT_ONCE = 32
# How old the word of a healthy host's BMC may become before it is asked again; it speaks for a week.
KNOWN_EVERY = timedelta(hours=1)


class PowerRound:
    """Asks the BMC of every host that is in doubt or dead, once a second."""

    def __init__(self, doubted: Callable[[], list[Host]], evidence: Evidence, bmcs: Bmcs, clock: Clock) -> None:
        self._doubted = doubted
        self._evidence = evidence
        self._bmcs = bmcs
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        try:
            while True:
                self._begin()
                await self._clock.sleep(_EVERY)
        finally:
            for task in self._under_way.values():
                task.cancel()

    def _begin(self) -> None:
        """Ask whoever is not being asked: one BMC that does not answer must not keep the others from being heard."""
        for host in self._doubted():
            if host.name not in self._under_way:
                task = self._under_way[host.name] = asyncio.create_task(self._ask(host), name=f"power {host.name}")
                task.add_done_callback(partial(self._ended, host.name))

    def _ended(self, host: str, task: asyncio.Task[None]) -> None:
        self._under_way.pop(host, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("asking for the power of %s failed: %s", host, type(error).__name__)

    async def _ask(self, host: Host) -> None:
        """Only a BMC that was seen to be this host's own, while it was well, is a witness."""
        lost_at = host.died_at if host.life is Life.DEAD and host.died_at else self._clock.now()
        if not self._bmcs.knows(host.name) or not host.bmc_speaks(lost_at):
            return
        async with self._places:
            asked_at = self._clock.now()
            reading = await self._bmcs.read(host.name)
        state = reading.state if same_chassis(reading.uuid, host.identity.uuid) else "unknown"
        # Of the moment before it was asked: what came between is newer than this.
        self._evidence.powered(host.name, state, asked_at)


class KnownRound:
    """Once an hour for each healthy host: does its BMC still name the chassis that its agent does?"""

    def __init__(self, ledger: Ledger, bmcs: Bmcs, clock: Clock) -> None:
        self._ledger = ledger
        self._bmcs = bmcs
        self._clock = clock
        self._asked: dict[str, datetime] = {}
        self._told: set[str] = set()

    async def run(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(_EVERY)

    async def look(self) -> None:
        """Ask those that are due, some at a time, and write down what they said."""
        now = self._clock.now()
        due = [host for host in self._ledger.all(Host).values() if self._due(host, now)][:_AT_ONCE]
        self._asked |= {host.name: now for host in due}
        readings = await asyncio.gather(*(self._bmcs.read(host.name) for host in due))
        if said := [(host, reading) for host, reading in zip(due, readings, strict=True) if reading.uuid]:
            await self._write(said)

    def _due(self, host: Host, now: datetime) -> bool:
        if host.life is not Life.HEALTHY or not host.identity.uuid or not self._bmcs.knows(host.name):
            return False
        known = host.bmc_uuid == host.identity.uuid and host.bmc_at is not None and now - host.bmc_at < KNOWN_EVERY
        asked = self._asked.get(host.name)
        # One that does not answer is asked again after a minute, not at every look.
        return not known and (asked is None or now - asked >= timedelta(minutes=1))

    async def _write(self, said: list[tuple[Host, Reading]]) -> None:
        async with self._ledger.writing() as draft:
            now = self._clock.now()
            for asked, reading in said:
                host = draft.get(Host, asked.name)
                if host is None or host.life is not Life.HEALTHY or host.identity != asked.identity:
                    continue
                same = same_chassis(reading.uuid, host.identity.uuid)
                # A BMC of another chassis must not speak for this one, whatever it said before.
                draft.put(replace(host, bmc_uuid=host.identity.uuid if same else "", bmc_at=now if same else None))
                if not same and host.name not in self._told:
                    text = f"its BMC is that of another chassis ({reading.uuid}); its own says {host.identity.uuid}"
                    draft.note(now, "notice", host.name, {"text": text})
                (self._told.discard if same else self._told.add)(host.name)


async def publish_agents(ledger: Ledger, file: Path, clock: Clock) -> None:
    """Keep the list by which stop-all finds the agents when we are gone; on a full disk the last one stays."""
    written: list[dict[str, object]] = []
    while True:
        places: list[dict[str, object]] = [
            {"name": host.name, "address": host.address, "port": host.agent_port}
            for host in ledger.all(Host).values()
            if host.address and host.life is not Life.RETIRED
        ]
        if places != written and _published(places, file):
            written = places
        await clock.sleep(_EVERY)


def _published(places: list[dict[str, object]], file: Path) -> bool:
    """Whether the list is in its place."""
    fresh = file.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(places), encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        log.warning("cannot write %s: %s", file.name, error.strerror)
        return False
    return True
