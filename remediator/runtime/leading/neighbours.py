"""The other shards' leaders: what we tell them, what they tell us, and whose share of a budget is how large."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from remediator.clock import Clock
from remediator.engine.guards.shares import APP, app_of, needs
from remediator.engine.incidents.correlation import all_doubts, key_of, sizes
from remediator.engine.index import FLEET, Index
from remediator.journal.commons import Commons, Stake, Stakes, Word
from remediator.journal.lease import Lease
from remediator.model.elsewhere import Doubtful, Elsewhere, Key
from remediator.model.errors import TransientError
from remediator.model.policy import Policy
from remediator.runtime.agents.watch import Watch
from remediator.runtime.leading.prepaid import Parts
from remediator.runtime.ledger import Ledger

log = logging.getLogger("fleetmend.neighbours")
T = TypeVar("T")
ROUND_SECONDS = 1.0
# What nobody has told again for so long is not of now.
STALE_SECONDS = 6.0
# Beyond so many suspects nobody needs to be told of more.
_MOST = 2000


class Told(msgspec.Struct, frozen=True):
    """What a leader tells of its shard, as JSON."""

    hosts: int
    counted: int
    sizes: list[tuple[Key, int]]
    doubts: list[Doubtful]
    # Leaders of before tell of none.
    apps: list[tuple[str, int]] = []


@dataclass(frozen=True, slots=True)
class Around:
    """Where we are in the fleet: the shard, its lease while it is ours, what all share, and the rules in force."""

    shard: str
    lease: Callable[[], Lease | None]
    commons: Commons
    policy: Callable[[], Policy]


class Neighbours:
    """Once a second: tell, hear, and settle; ``watch`` is given what follows."""

    def __init__(self, around: Around, ledger: Ledger, watch: Watch, clock: Clock) -> None:
        self._around = around
        self._ledger = ledger
        self._watch = watch
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "commons")
        self._stakes: Stakes = {}
        self._heard: tuple[tuple[Word, ...], float] = ((), clock.monotonic())
        self._settled_at = 0.0
        # Whose budgets somebody holds or wants, here or elsewhere.
        self._apps: frozenset[str] = frozenset()
        self._said = b""
        self._said_at = float("-inf")
        # Nothing of the fleet's budgets is ours before the database has said so.
        watch.shares = {}

    async def begin(self) -> None:
        """The first round; the next ones follow, whatever became of it."""
        try:
            await self.look()
        except TransientError as error:
            log.warning("other shards cannot be heard: %s", error)

    async def run(self) -> None:
        """For ever.

        Raises:
            LeaseLost: another leads this shard.
        """
        said = ""
        while True:
            await self._clock.sleep(ROUND_SECONDS)
            try:
                await self.look()
                told = ""
            except TransientError as error:
                told = str(error)
            if told and told != said:
                log.warning("other shards cannot be heard: %s", told)
            said = told
            self._watch.elsewhere = self._elsewhere()

    async def look(self) -> None:
        """One round; TransientError when the database cannot be asked: what we hold stays ours."""
        lease = self._around.lease()
        if lease is None:
            return
        index = self._index()
        await self._tell(lease, index)
        self._heard = tuple(await self._ask(self._around.commons.words)), self._clock.monotonic()
        self._watch.elsewhere = self._elsewhere()
        await self._settle(lease)

    def close(self) -> None:
        self._thread.submit(self._around.commons.close)
        self._thread.shutdown(wait=False)

    def _index(self) -> Index:
        return Index(self._watch.fleet(), self._clock.now(), frozenset(self._around.policy().playbooks))

    async def _tell(self, lease: Lease, index: Index) -> None:
        labels, now = _labels(self._around.policy()), self._clock.monotonic()
        body = msgspec.json.encode(told_of(index, labels, self._apps))
        if body != self._said or now - self._said_at >= STALE_SECONDS / 3:
            await self._ask(lambda: self._around.commons.tell(lease, body))
            self._said, self._said_at = body, now

    def _elsewhere(self) -> tuple[Elsewhere, ...]:
        words, at = self._heard
        late = self._clock.monotonic() - at
        return tuple(read(word, word.age + late) for word in words if word.shard != self._around.shard)

    async def _settle(self, lease: Lease) -> None:
        async with self._ledger.writing():
            # Nobody takes a slot meanwhile; and what is to be given back is given up here before it is there.
            index = self._index()
            asked = needs(self._around.policy().playbooks, index)
            parts = Parts(self._around.shard, asked, index, self._watch.elsewhere, self._settled_at)
            left = parts.left(self._stakes)
            self._watch.shares = left
        # Whatever becomes of the question: what was given up is not ours before the database says so again.
        self._stakes = self._with({key: Stake(held) for key, held in left.items()}, self._stakes)
        seen: list[tuple[Stakes, float]] = []

        def settling(stakes: Stakes, clock: float) -> Mapping[str, Stake]:
            seen.append((stakes, clock))
            return parts.after(stakes, left, clock)

        mine = await self._ask(lambda: self._around.commons.settle(lease, settling))
        known, self._settled_at = seen[0]
        self._apps = frozenset(map(app_of, (*known, *mine))) - {""}
        self._stakes = self._with(mine, known)
        self._watch.shares = {key: stake.held for key, stake in mine.items()}

    def _with(self, mine: Mapping[str, Stake], known: Stakes) -> Stakes:
        return {key: {**known.get(key, {}), self._around.shard: stake} for key, stake in mine.items()}

    async def _ask(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)


def _labels(policy: Policy) -> tuple[str, ...]:
    """Every label that any playbook counts suspects under."""
    rules = (playbook.correlated for playbook in policy.playbooks.values())
    return tuple(sorted({label for rule in rules if rule for label in rule.by}))


def told_of(index: Index, labels: Iterable[str], apps: Iterable[str] = ()) -> Told:
    """What others need to know of this shard; of a host that an incident has, only under that incident's label."""
    hosts, where = index.fleet.hosts, (FLEET, "")
    found = [Doubtful(key, each.began, each.host, each.lasts, each.blip)
             for each in all_doubts(index) for label in labels
             if (key := key_of(hosts[each.host], label)) and _open_under(index, each.host, label)]  # fmt: skip
    newest = sorted(found, key=lambda each: each.began)[-_MOST:]
    many = {key: count for label in labels for key, count in sizes(index, label).items()}
    totals = (index.total(where, members=True), index.total(where, members=False))
    running = [(app, hosts_of) for app in sorted(apps) if (hosts_of := index.total((APP, app), members=False))]
    return Told(*totals, sorted(many.items()), newest, running)


def _open_under(index: Index, host: str, label: str) -> bool:
    incident = index.incidents.get(host)
    return incident is None or incident.label == label


def read(word: Word, age: float) -> Elsewhere:
    """Another leader's word; one that cannot be read tells nothing, and is stale."""
    try:
        told = msgspec.json.decode(word.body, type=Told)
    except msgspec.MsgspecError:
        return Elsewhere(word.shard, stale=max(age, STALE_SECONDS))
    doubts = tuple(_named(word.shard, each) for each in told.doubts)
    stale = age if age > STALE_SECONDS else 0.0
    return Elsewhere(word.shard, told.hosts, told.counted, dict(told.sizes), doubts, stale, dict(told.apps))


def _named(shard: str, told: Doubtful) -> Doubtful:
    """No host of ours, whatever it is called."""
    return Doubtful(told.key, told.began, f"{shard}/{told.host}", told.lasts, told.blip)
