"""The rules in force: read again when their files change, and put into force as a whole or not at all."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from remediator.clock import Clock
from remediator.model.errors import BadInput, FleetmendError
from remediator.model.policy import InForce, Policy
from remediator.policy.changes import Stamps, changed_playbooks, stamp_files
from remediator.policy.load import Reading
from remediator.runtime.agents.watch import Watch
from remediator.runtime.backlog import opened
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop
from remediator.sources.evaluator import Evaluator
from remediator.sources.schedule import Schedule

log = logging.getLogger("fleetmend.rules")
_LOOK_EVERY = 0.5
# Of a set with thousands of mistakes the first ones tell enough.
SHOWN_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Users:
    """Who works by the rules."""

    ledger: Ledger
    loop: Loop
    watch: Watch
    evaluator: Evaluator
    schedule: Schedule


class Reload:
    """Watches ``folder``; ``read`` reads it, in a thread, and never halfway.

    A set with an error changes nothing: the one in force stays, and ``in_force.refused`` says what is wrong.
    """

    def __init__(
        self, folder: Path, read: Callable[[], Reading], users: Users, clock: Clock, told: Callable[[InForce], None]
    ) -> None:
        self._folder = folder
        self._read = read
        self._users = users
        self._clock = clock
        self._told = told
        self._asked = asyncio.Event()
        self._lock = asyncio.Lock()
        self.in_force = InForce(users.loop.rules.policy.digest, clock.now())
        told(self.in_force)

    def ask(self) -> None:
        """Read again soon, whatever the files' times say (SIGHUP)."""
        self._asked.set()

    async def run(self) -> None:
        """Look at the files twice a second for ever; what has just changed is read once it keeps still."""
        read: Stamps | None = None
        seen: Stamps | None = None
        while True:
            now = await asyncio.to_thread(stamp_files, self._folder)
            if self._asked.is_set() or (now != read and now == seen):
                self._asked.clear()
                read = now
                await self.reload()
            seen = now
            await self._rest()

    async def reload(self) -> InForce:
        """Read everything now, and put it into force if nothing is wrong with it."""
        async with self._lock:
            try:
                reading = await asyncio.to_thread(self._read)
                wrong = [str(problem) for problem in reading.errors]
                if not wrong:
                    await self._use(reading.policy)
            except BadInput as error:
                wrong = [str(problem) for problem in error.problems]
            except FleetmendError as error:
                wrong = [str(error)]
            self._tell(wrong)
            return self.in_force

    async def _use(self, policy: Policy) -> None:
        """All at once, between two ticks and two evaluations; written down first."""
        users = self._users
        before = users.loop.rules.policy
        if policy.digest == before.digest:
            return
        changed = changed_playbooks(before, policy)
        now = self._clock.now()
        async with users.ledger.writing() as draft:
            draft.note(now, "reload", policy.digest, {"changed": sorted(changed), "before": before.digest})
        users.loop.rules = replace(users.loop.rules, policy=policy)
        users.watch.backlog_since = {**users.watch.backlog_since, **opened(policy, changed, "rule_change", now)}
        users.evaluator.replace_groups(policy.groups)
        users.schedule.reload()
        self.in_force = InForce(policy.digest, now)
        log.info(
            "rules %s in force; playbooks concerned: %s", policy.digest[:12], ", ".join(sorted(changed)) or "none"
        )

    def _tell(self, wrong: list[str]) -> None:
        before, refused = self.in_force, tuple(wrong[:SHOWN_PROBLEMS])
        if refused != before.refused:
            self.in_force = replace(before, refused=refused, refused_at=self._clock.now() if refused else None)
        if refused and refused != before.refused:
            count = f"{len(wrong)} error{'' if len(wrong) == 1 else 's'}"
            log.error("rules refused, %s stay in force; %s:\n%s", before.digest[:12], count, "\n".join(refused))
        self._told(self.in_force)

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._asked.wait(), _LOOK_EVERY)
        except TimeoutError:
            return


class Reloads:
    """Whatever reads rules in this process: one that leads several shards has several."""

    def __init__(self) -> None:
        self._each: set[Reload] = set()

    def ask(self) -> None:
        for each in self._each:
            each.ask()

    @contextmanager
    def having(self, reload: Reload) -> Iterator[None]:
        """With that one among them."""
        self._each.add(reload)
        try:
            yield
        finally:
            self._each.discard(reload)
