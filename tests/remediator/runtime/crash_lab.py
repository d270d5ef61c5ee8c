"""One remediator of real parts that may die between any two steps, and the journal that is all it leaves behind."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from nacl.public import PrivateKey

from remediator.actions import ACTIONS
from remediator.clock import FakeClock
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Entry, LeaseLost, Row
from remediator.model.alert import Alert
from remediator.model.enrolment import Enrolment
from remediator.model.errors import FleetmendError, PermanentError, TransientError
from remediator.model.evidence import Gate, Outcome
from remediator.model.host import Host, Life
from remediator.model.policy import Budget, Mode, Playbook, Policy, Share
from remediator.model.request import Operation
from remediator.policy.load import load_policy
from remediator.runtime.agents.configs import ConfigCache
from remediator.runtime.agents.door import Agents
from remediator.runtime.agents.watch import Watch
from remediator.runtime.doubts import Doubts
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.leading.beginning import begin_term
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop, Rules
from remediator.runtime.machines.requests import Requests
from remediator.runtime.people.spoken import People
from remediator.runtime.rewound import Rewound
from remediator.settings import Settings
from remediator.sources.evidence import Evidence
from remediator.wire.keys import key_text
from tests.remediator.builders import NOON, alert
from tests.remediator.runtime.crash_fleet import Box, World
from tests.remediator.runtime.crash_wire import Wire
from tests.remediator.runtime.lab import Tally, as_written
from tests.remediator.runtime.stepped import Died, Doom, SteppedLoop

T = TypeVar("T")
VANTAGES = tuple(Vantage(f"p-{rack}", "arn", rack) for rack in ("r1", "r2", "r3"))
SHIPPED = load_policy(Path(__file__).parents[3] / "rules", ACTIONS)
NOWHERE = Path("nowhere")
SETTINGS = Settings(NOWHERE, NOWHERE, NOWHERE)
BOX_KEY = key_text(PrivateKey.generate().public_key)
# The store's rule fires so long after a host fell silent.
RULE_FIRES = timedelta(seconds=6)
Commit = Callable[[Sequence[Row], Sequence[Entry]], None]


def rules(mode: Mode) -> Policy:
    """The shipped playbook for a dead host in that mode, one host at a time, and none that acts beside it."""
    book = SHIPPED.playbooks["host_dead"]
    one = (Budget("region", max_in_flight=Share(0.0, 1)),)
    changed: dict[str, Playbook] = {"host_dead": replace(book, mode=mode, budgets=one)}
    return replace(SHIPPED, playbooks=changed)


class Shelf(MemoryJournal):
    """A journal with one leader: whoever has been succeeded writes nothing. ``heard`` is shown each commit."""

    def __init__(self) -> None:
        super().__init__()
        self.leader = self.speaker = 0
        self.heard: Commit = lambda _rows, _entries: None
        self.values: dict[str, dict[str, Any]] = {}
        self.decisions: set[str] = set()

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        if self.speaker != self.leader:
            raise LeaseLost(f"{self.speaker} was succeeded by {self.leader}")
        super().commit(rows, entries)
        for row in rows:
            kind = self.values.setdefault(row.kind, {})
            if row.value is None:
                kind.pop(row.id, None)
            else:
                kind[row.id] = row.value
        self.decisions |= {entry.id for entry in entries if entry.kind == "decision"}
        self.heard(rows, entries)

    def copied(self) -> "Shelf":
        """A backup of this moment."""
        copy = Shelf()
        copy.take(self)
        return copy

    def take(self, other: "Shelf") -> None:
        """All that the other holds; who leads is nothing that lies in it."""
        self._rows, self._lines = dict(other._rows), list(other._lines)
        self._changes, self._commits = list(other._changes), list(other._commits)
        self.values = {kind: dict(rows) for kind, rows in other.values.items()}
        self.decisions = set(other.decisions)

    def of(self, kind: type[T]) -> dict[str, T]:
        """The rows of a kind as they are durable."""
        return self.values.get(kind.__name__, {})


class Dial:
    """The gate and the freeze, as people and the store have them."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.open = True
        self.since = NOON
        self.stopped = ""

    def gate(self) -> Gate:
        return Gate(open=self.open, reason="" if self.open else "store is silent", since=self.since)

    def frozen(self) -> str:
        return self.stopped


class Process:
    """Everything that a crash takes with it."""

    def __init__(self, shelf: Shelf, world: World, dial: Dial, clock: FakeClock, policy: Policy) -> None:
        shelf.leader += 1
        self.number = shelf.leader
        self.shelf, self.world, self.dial, self.clock = shelf, world, dial, clock
        self.doom = Doom()
        self.loop = SteppedLoop(clock, self.doom)
        self.policy = policy

    def begin(self, called: Callable[[Operation], None]) -> None:
        """From the journal alone."""
        self.run(self._begun(called))

    async def _begun(self, called: Callable[[Operation], None]) -> None:
        clock = self.clock
        self.ledger = ledger = Ledger(self.shelf)
        self.term = await begin_term(ledger, clock)
        self.evidence = Evidence()
        self.watch = Watch(ledger, self.evidence, EvidenceTimes(), clock)
        self.watch.gate = self.dial.gate()
        self.watch.backlog_since = dict.fromkeys(self.policy.playbooks, clock.now())
        self.watch.alerts = self._alerts
        self.agents = Agents(ledger, self.watch, ConfigCache(), self.term, clock)
        doubts = Doubts(ledger, self.evidence, self.dial.gate, clock)
        doubts.lease = lambda: "" if self.shelf.leader == self.number else "another leads"
        self.watch.doubts = doubts
        self.rewound = await self._rewound(doubts)
        self.outbox = Outbox(ledger, Wire(self, called), as_written, clock, Tally())
        held = Rules(self.policy, ACTIONS, "host_dead", LifeTimes())
        self.judge = Loop(ledger, self.watch, self.outbox, self.agents, held, clock, Tally())
        self.judge.looked = doubts.looked
        await self.judge.remember()
        self.people = People(ledger, self.watch, lambda: self.policy.playbooks, clock)
        self.requests = Requests(ledger, self.watch, self.outbox, clock, SETTINGS)

    async def _rewound(self, doubts: Doubts) -> Rewound:
        found = self.agents.rewound = Rewound(self.ledger, self.term, self.clock)
        await found.remember()
        found.renewed.append(self.agents.renew)
        found.hang_up = self._hang_up
        doubts.sources.append(found.doubts)
        return found

    def _hang_up(self) -> None:
        for box in self.world.boxes.values():
            box.session = False

    def stopped(self) -> dict[str, str]:
        """Why nothing may be destroyed this instant."""
        frozen = self.dial.stopped
        return {**({"frozen": frozen} if frozen else {}), **self.watch.doubts()}

    def run(self, work: Coroutine[Any, Any, T], cancel_after: int = 0) -> T:
        """Raises: Died."""
        self.shelf.speaker = self.number
        return self.loop.play(work, cancel_after)

    def settle(self) -> None:
        """Raises: Died."""
        self.shelf.speaker = self.number
        self.loop.settle()

    def second(self) -> None:
        """What is heard in a second, and one look at it."""
        for box in self.world.boxes.values():
            if box.reached:
                self.hear(box)
        self._probed()
        self.tick()

    def tick(self) -> None:
        self.run(self.judge.tick(self.dial))
        self.settle()

    def hear(self, box: Box) -> None:
        """A hello, or what it has to tell; one who is told to greet anew does."""
        if not box.session:
            self.greet(box)
            return
        told, box.reports = box.reports or [{}], []
        for report in told:
            try:
                self.run(self.agents.heard(box.name, report))
            except TransientError:
                box.session = False
                return

    def greet(self, box: Box) -> None:
        self.run(self._enrolled(box))
        try:
            word = self.run(self.agents.greeted(box.name, box.greeting()))
        except PermanentError:
            return
        box.welcomed(word)
        self.world.look()

    async def _enrolled(self, box: Box) -> None:
        """A host that was bought has joined before it greets."""
        known = Enrolment(box.name, "agent", "arn", box.rack, NOON, "v", BOX_KEY)
        if self.ledger.get(Enrolment, known.key) is None:
            async with self.ledger.writing() as draft:
                draft.put(known)

    def _probed(self) -> None:
        now = self.clock.now()
        for vantage in VANTAGES:
            self.evidence.reported(vantage, now)
            for box in self.world.boxes.values():
                self.evidence.voted(vantage, box.name, Outcome.OK if box.reached else Outcome.SILENT, now)
        for box in self.world.boxes.values():
            box.heard = box.reached
            if not box.reached:
                self.evidence.hung_up(box.name)
            if self.world.bmc_answers and box.name in self.world.first_hosts:
                # Only the BMC of the host's own chassis is a witness.
                state = "on" if box.powered else "off"
                self.evidence.powered(box.name, "unknown" if box.cable else state, now)

    def _alerts(self) -> tuple[Alert, ...]:
        """The store's rule over hosts that have been silent for long, while the store speaks."""
        now, known = self.clock.now(), self.ledger.all(Host)
        dead = [host for host in known.values() if host.life is Life.DEAD and host.died_at]
        old = [host for host in dead if now - (host.died_at or now) >= RULE_FIRES]
        return tuple(alert(host.name, last_seen=now) for host in old) if self.dial.open else ()


def start(shelf: Shelf, world: World, dial: Dial, clock: FakeClock, policy: Policy) -> Process:
    """A process that has not begun; every session of the one before is over."""
    for box in world.boxes.values():
        box.session = False
    return Process(shelf, world, dial, clock, policy)


__all__ = ["Died", "FleetmendError", "Process", "Shelf", "World", "rules", "start"]
