"""Which remediators are up, and which of them leads which shard: read from what they share, twice a second."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from remediator.clock import Clock
from remediator.journal.commons import Candidate, Commons, View
from remediator.model.errors import TransientError

log = logging.getLogger("fleetmend.rollcall")
BEAT_SECONDS = 0.5
# Whoever was not heard for so long is not waited for.
UP_SECONDS = 1.5
# A view older than this says nothing.
KNOWN_SECONDS = 3.0
# A free shard is left to whom it belongs for so long, and given back once that one has been up for so long.
LEFT_SECONDS, BACK_SECONDS = 1.0, 10.0
# Just before a lease ends it is worth asking for.
_SOON = 0.1


def shared_out(shards: Collection[str], candidates: Sequence[Candidate]) -> dict[str, str]:
    """Who leads which shard while all of these are up: as each prefers, and as evenly as can be; by name. PURE.

    Whoever comes or goes moves no more shards than must be moved, for each shard has an order of its own.
    """
    names = sorted({each.name for each in candidates})
    prefer = {each.name: each.prefer for each in candidates}
    most, load, found = -(-len(shards) // max(1, len(names))), dict.fromkeys(names, 0), {}
    for shard in sorted(shards, key=lambda each: (not any(each in prefer[name] for name in names), each)):
        order = sorted(names, key=lambda name: (shard not in prefer[name], _rank(name, shard)))
        free = [name for name in order if shard in prefer[name] or load[name] < most]
        if free:
            found[shard] = free[0]
            load[free[0]] += 1
    return found


def _rank(name: str, shard: str) -> bytes:
    return sha256(f"{shard} {name}".encode()).digest()


@dataclass(frozen=True, slots=True)
class _Read:
    view: View
    at: float


class RollCall:
    """``preferring`` is not set where one leads all: then whoever leads goes on leading."""

    def __init__(
        self, commons: Commons, me: Candidate, shards: Collection[str], clock: Clock, *, preferring: bool
    ) -> None:
        self._commons = commons
        self._me = me
        self._shards = shards
        self._clock = clock
        self._preferring = preferring
        self._thread = ThreadPoolExecutor(1, "rollcall")
        self._read = _Read(View(), float("-inf"))
        # Told the operator's last signed word whenever it was read.
        self.freeze: Callable[[Mapping[str, Any]], None] = lambda _: None

    @property
    def holder(self) -> str:
        return self._me.holder

    async def run(self) -> None:
        """For ever."""
        said = ""
        while True:
            told = await self.beat()
            if told and told != said:
                log.warning("the other remediators are not seen: %s", told)
            said = told
            await self._clock.sleep(BEAT_SECONDS)

    async def beat(self) -> str:
        """Say that we are up, and read the rest; why that was not possible, if so."""
        try:
            asked = self._clock.monotonic()
            loop = asyncio.get_running_loop()
            self._read = _Read(await loop.run_in_executor(self._thread, self._commons.beat, self._me), asked)
        except TransientError as error:
            return str(error)
        if self._read.view.freeze:
            self.freeze(self._read.view.freeze)
        return ""

    async def spread(self, statement: Mapping[str, Any]) -> None:
        """A freeze that was accepted here, for all others; who has been told directly needs it not."""
        try:
            loop, at = asyncio.get_running_loop(), str(statement.get("at", ""))
            await loop.run_in_executor(self._thread, self._commons.freeze, statement, at)
        except TransientError as error:
            log.warning("a freeze is not told to the other remediators: %s", error)

    def close(self) -> None:
        self._thread.submit(self._commons.close)
        self._thread.shutdown(wait=False)

    def leader_of(self, shard: str) -> str:
        """Who holds its lease, by the name of that process; empty where nobody does."""
        standing, late = self._read.view.leaders.get(shard), self._late()
        return standing.holder if standing and standing.left > late else ""

    def url_of(self, shard: str) -> str:
        """Where that one is reached; empty for our own, and where nobody leads."""
        leader = self.leader_of(shard)
        known = (each.url for each in self._read.view.candidates if each.holder == leader != self.holder)
        return next(known, "")

    def may_ask(self, shard: str) -> bool:
        """Whether its lease may be had now, and by us."""
        late = self._late()
        if late > KNOWN_SECONDS:
            return True
        standing = self._read.view.leaders.get(shard)
        left = standing.left - late if standing else -LEFT_SECONDS
        if left > _SOON:
            return False
        return self._is_ours(shard) or left < -LEFT_SECONDS

    def give_back(self, shard: str) -> bool:
        """Whether another to whom it belongs has been up for long enough."""
        if not self._preferring or self._late() > KNOWN_SECONDS:
            return False
        steady = [each for each in self._up() if each.up >= BACK_SECONDS or each.name == self._me.name]
        return shared_out(self._shards, steady).get(shard, self._me.name) != self._me.name

    def _is_ours(self, shard: str) -> bool:
        return not self._preferring or shared_out(self._shards, self._up()).get(shard) == self._me.name

    def _up(self) -> list[Candidate]:
        late = self._late()
        others = [each for each in self._read.view.candidates if each.name != self._me.name]
        return [replace(self._me, up=BACK_SECONDS), *(each for each in others if each.age + late < UP_SECONDS)]

    def _late(self) -> float:
        return self._clock.monotonic() - self._read.at
