"""The runtime's parts put together over a journal in memory, a clock moved by hand, and a driver that remembers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey

from remediator.actions import ACTIONS
from remediator.clock import FakeClock
from remediator.drivers.protocol import FakeDriver
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Journal
from remediator.model.enrolment import Enrolment, Term
from remediator.model.evidence import Gate, Outcome
from remediator.model.fleet import Fleet
from remediator.model.policy import InForce, Policy
from remediator.model.request import Operation
from remediator.policy.load import PolicyReader
from remediator.runtime import reconcile
from remediator.runtime.agents.configs import ConfigCache
from remediator.runtime.agents.door import Agents
from remediator.runtime.agents.watch import Watch
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop, Rules
from remediator.runtime.machines.desk import MachineDesk
from remediator.runtime.machines.requests import Requests
from remediator.runtime.reload import Reload, Users
from remediator.settings import Settings
from remediator.sources.evaluator import Evaluator
from remediator.sources.evidence import Evidence
from remediator.sources.fake_store import FakeStore
from remediator.sources.schedule import Schedule
from remediator.wire.keys import key_text
from tests.remediator.builders import NOON, OPEN, policy

Answer = Callable[[Operation], dict[str, Any]]
TIMES = LifeTimes()
VANTAGES = tuple(Vantage(f"p-{rack}", "arn", rack) for rack in ("r1", "r2", "r3"))
SETTINGS = Settings(Path("data"), Path("rules"), Path("hosts.yml"))


@dataclass
class Tally:
    """Counts what it is told."""

    operations: list[tuple[str, str]] = field(default_factory=list)
    decisions: list[tuple[str, str, str]] = field(default_factory=list)
    ticks: int = 0
    rules: list[InForce] = field(default_factory=list)

    def operated(self, verb: str, result: str) -> None:
        self.operations.append((verb, result))

    def decided(self, playbook: str, action: str, outcome: str) -> None:
        self.decisions.append((playbook, action, outcome))

    def ticked(self, seconds: float) -> None:
        self.ticks += 1


@dataclass
class Dial:
    """What the loop reads before each look; tests turn it."""

    state: Gate = OPEN
    stopped: str = ""

    def gate(self) -> Gate:
        return self.state

    def frozen(self) -> str:
        return self.stopped


async def as_written(operation: Operation) -> Operation:
    return operation


class Lab:
    """Everything between the HTTP surface and the agents, without either."""

    def __init__(
        self,
        answer: Answer | None = None,
        journal: Journal | None = None,
        rules: Policy | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.journal = journal or MemoryJournal()
        self.clock = clock or FakeClock(NOON)
        self.ledger = Ledger(self.journal)
        self.evidence = Evidence()
        self.watch = Watch(self.ledger, self.evidence, EvidenceTimes(), self.clock)
        self.watch.gate = OPEN
        self.driver = FakeDriver(answer)
        self.tally = Tally()
        self.outbox = Outbox(self.ledger, self.driver, as_written, self.clock, self.tally)
        self.configs = ConfigCache()
        term = Term("incarnation", 3, NOON)
        self.agents = Agents(self.ledger, self.watch, self.configs, term, self.clock)
        self.requests = Requests(self.ledger, self.watch, self.outbox, self.clock, SETTINGS)
        self.requests.configs = self.configs
        self.life = MachineDesk(self.ledger, self.watch, self.requests.carrier, self.driver, self.configs, self.clock)
        self.dial = Dial()
        held = Rules(rules or policy(), ACTIONS, "host_dead", TIMES)
        self.loop = Loop(self.ledger, self.watch, self.outbox, self.agents, held, self.clock, self.tally)
        self.keys: dict[str, PrivateKey] = {}

    def reload(self, folder: Path) -> Reload:
        """The rules of that folder, for this loop and an evaluator without data; what is told goes to the tally."""
        evaluator = Evaluator((), FakeStore(), self.clock, self.dial.gate)
        users = Users(self.ledger, self.loop, self.watch, evaluator, Schedule(evaluator, self.clock))
        reader = PolicyReader(folder, ACTIONS, limits=self.loop.rules.policy.limits)
        return Reload(folder, reader.read, users, self.clock, self.tally.rules.append)

    async def put(self, *values: Any) -> None:
        async with self.ledger.writing() as draft:
            draft.put(*values)

    async def enrol(self, *names: str) -> None:
        for name in names:
            key = self.keys[name] = PrivateKey.generate()
            await self.put(Enrolment(name, "agent", "arn", "r1", NOON, "", key_text(key.public_key)))

    def wait(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    def probes(self, **outcomes: Outcome) -> None:
        """Every vantage reports the same of each host; agents that answer are heard of too."""
        now = self.clock.now()
        for vantage in VANTAGES:
            self.evidence.reported(vantage, now)
            for host, outcome in outcomes.items():
                self.evidence.voted(vantage, host, outcome, now)
        for host, outcome in outcomes.items():
            if outcome is Outcome.OK:
                self.evidence.heard(host, now)

    async def flights(self) -> None:
        """Until nothing is in flight any more."""
        while flying := list(self.outbox._flying.values()):
            await asyncio.gather(*flying)

    async def send(self, *reachable: str, frozen: str = "") -> None:
        self.outbox.send_due(frozenset(reachable), frozen, self.clock.now())
        await self.flights()

    async def settle(self) -> Fleet:
        """One look and what follows from it; the fleet afterwards."""
        async with self.ledger.writing() as draft:
            reconcile.settle(self.watch.look(), TIMES, draft, self.clock.now())
        return self.watch.fleet()

    async def tick(self) -> None:
        await self.loop.tick(self.dial)
        await self.flights()

    async def told(self, kind: str, subject: str = "") -> list[dict[str, Any]]:
        """History, oldest first."""
        return [entry.body for entry in reversed(await self.ledger.entries(kind, 1000, subject=subject))]


def record(identifier: str, state: str = "started", **more: Any) -> dict[str, Any]:
    """A machine as its agent tells of it."""
    held = {
        "id": identifier,
        "app": "web",
        "name": f"name-{identifier}",
        "region": "arn",
        "instance_id": f"I-{identifier}",
        "state": state,
        "scrubbed": {"guest": {"cpus": 1, "memory_mb": 256}},
        "config": {"guest": {"cpus": 1, "memory_mb": 256}, "env": {"SECRET": "s"}},
        "digest": "d",
        "port": 8080,
        "volumes": [],
    }
    return held | more


def hello(name: str, *records: dict[str, Any], boot: str = "", **more: Any) -> dict[str, Any]:
    """An agent's first word, as it comes off the wire."""
    held: dict[str, Any] = {
        "type": "hello",
        "name": name,
        "boot_id": boot or f"boot-{name}",
        "version": "0.1.0",
        "region": "arn",
        "rack": "r1",
        "capacity": {"cpus": 8.0, "memory_mb": 8192, "disk_mb": 8192},
        "address": "10.77.0.11",
        "agent_port": 9080,
        "exporter_port": 9100,
        "identity": {"uuid": f"u-{name}", "agent_key": "", "data_id": f"d-{name}"},
        "machines": list(records),
        "volumes": [],
    }
    return held | more
