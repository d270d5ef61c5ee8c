"""What is looked after for ever: power of hosts in doubt, whose BMC is whose, where agents are to be found."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import nsmallest
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from remediator.clock import Clock
from remediator.drivers.bmc import Bmcs, Reading, same_chassis
from remediator.model.host import Host, Life
from remediator.model.request import Operation
from remediator.runtime.ledger import Draft, Ledger
from remediator.sources.evidence import Evidence

log = logging.getLogger("fleetmend.power")
_EVERY = 1.0
# A rack's loss must not start a child for each of its hosts at once.
_AT_ONCE = 32
# How old the word of who may fence a healthy host may become before it is asked again; it speaks for a week.
KNOWN_EVERY = timedelta(hours=1)
# One that tells no chassis is asked again after this, each time twice as late, up to an hour.
_AGAIN = timedelta(minutes=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


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


class Speaker(Protocol):
    """Who may speak for a host: its BMC, or an orchestrator; what cannot be read is unknown."""

    def knows(self, host: str) -> bool: ...

    async def read(self, host: str) -> Reading: ...


@dataclass(frozen=True, slots=True)
class Columns:
    """Of a host's row: which chassis it was said to be, and when; and the words where it was another."""

    of_another: str
    uuid: str
    at: str

    def of(self, host: Host) -> tuple[str, datetime | None]:
        return getattr(host, self.uuid), getattr(host, self.at)

    def put(self, host: Host, uuid: str, at: datetime | None) -> Host:
        said: dict[str, Any] = {self.uuid: uuid, self.at: at}
        return replace(host, **said)


# What only an orchestrator says.
_CUT_OFF = ("pending", "fenced")
BY_BMC = Columns("its BMC is that of another chassis", "bmc_uuid", "bmc_at")
BY_ORCHESTRATOR = Columns("the orchestrator means another chassis", "orchestrator_uuid", "orchestrator_at")


class KnownRound:
    """Once an hour for each healthy host: does who may speak for it still name the chassis that its agent does?"""

    def __init__(self, ledger: Ledger, speaker: Speaker, clock: Clock, columns: Columns = BY_BMC) -> None:
        self._ledger = ledger
        self._speaker = speaker
        self._clock = clock
        self._columns = columns
        self._asked: dict[str, datetime] = {}
        self._waits: dict[str, timedelta] = {}
        self._told: set[str] = set()

    async def run(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(_EVERY)

    async def look(self) -> None:
        """Ask those that are due, some at a time, the longest ago first, and write down what they said."""
        now = self._clock.now()
        due = [host for host in self._ledger.all(Host).values() if self._due(host, now)]
        due = nsmallest(_AT_ONCE, due, key=self._last_asked)
        self._asked |= {host.name: now for host in due}
        answers = await asyncio.gather(*(self._speaker.read(host.name) for host in due), return_exceptions=True)
        said = [(host, answer) for host, answer in zip(due, answers, strict=True) if self._tells(answer, host.name)]
        if said:
            await self._write(said)

    def _last_asked(self, host: Host) -> datetime:
        return self._asked.get(host.name) or self._columns.of(host)[1] or _NEVER

    def _tells(self, answer: Reading | BaseException, host: str) -> TypeGuard[Reading]:
        """Whether it names a chassis; what does not is asked for less and less often."""
        if isinstance(answer, BaseException):
            log.error("asking who speaks for %s failed: %s", host, type(answer).__name__)
        elif answer.uuid:
            self._waits.pop(host, None)
            return True
        self._waits[host] = min(2 * self._waits.get(host, _AGAIN / 2), KNOWN_EVERY)
        return False

    def _due(self, host: Host, now: datetime) -> bool:
        if host.life is not Life.HEALTHY or not host.identity.uuid or not self._speaker.knows(host.name):
            return False
        uuid, at = self._columns.of(host)
        known = uuid == host.identity.uuid and at is not None and now - at < KNOWN_EVERY
        asked = self._asked.get(host.name)
        return not known and (asked is None or now - asked >= self._waits.get(host.name, _AGAIN))

    async def _write(self, said: list[tuple[Host, Reading]]) -> None:
        async with self._ledger.writing() as draft:
            now = self._clock.now()
            for asked, reading in said:
                host = draft.get(Host, asked.name)
                if host is None or host.life is not Life.HEALTHY or host.identity != asked.identity:
                    continue
                if same_chassis(reading.uuid, host.identity.uuid):
                    draft.put(_owing(self._columns.put(host, host.identity.uuid, now), reading, draft, now))
                    self._told.discard(host.name)
                else:
                    self._of_another(host, reading, draft, now)

    def _of_another(self, host: Host, reading: Reading, draft: Draft, now: datetime) -> None:
        """Who means another chassis must not speak for this one, whatever it said before."""
        draft.put(self._columns.put(host, "", None))
        if host.name not in self._told:
            told, own = "".join(filter(str.isprintable, reading.uuid))[:80], host.identity.uuid
            draft.note(now, "notice", host.name, {"text": f"{self._columns.of_another} ({told}); its own says {own}"})
        self._told.add(host.name)


def _owing(host: Host, reading: Reading, draft: Draft, now: datetime) -> Host:
    """Cut off in an earlier life, and well: a restored journal has forgotten what was asked for, and it is let go."""
    before = reading.epoch or host.epoch - 1
    if reading.state not in _CUT_OFF or host.let_go_due or not 0 < before < host.epoch:
        return host
    if lifted := draft.get(Operation, host.unfence_key):
        # It is to be lifted once more.
        draft.delete(lifted)
    text = f"it is well, and the orchestrator says {reading.state}: that of epoch {before} is to be lifted"
    draft.note(now, "fence", host.name, {"by": "orchestrator", "fence": host.fence, "text": text})
    return replace(host, cut_off_in=before)


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
