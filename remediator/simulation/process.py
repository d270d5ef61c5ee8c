"""One process of the real remediator on virtual time: everything that a crash takes with it."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from remediator.clock import FakeClock
from remediator.model.enrolment import Enrolment, Term
from remediator.model.errors import PermanentError, TransientError
from remediator.model.host import LOST, Host
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation
from remediator.runtime.agents.configs import ConfigCache
from remediator.runtime.agents.door import Agents
from remediator.runtime.doubts import Doubts
from remediator.runtime.leading.beginning import begin_term
from remediator.runtime.loop import Loop, Rules
from remediator.runtime.people.spoken import People
from remediator.runtime.rewound import Rewound
from remediator.simulate.world.judge import (
    Canary,
    Ended,
    Hello,
    HungUp,
    Message,
    Powered,
    Probes,
    Report,
    Signal,
    Welcome,
)
from remediator.simulate.world.told import Setting
from remediator.simulation.asking import Desk
from remediator.simulation.gauge import StoreGauge
from remediator.simulation.keeping import Doom, InlineLedger, Shelf, at_once
from remediator.simulation.rules_seen import Signals
from remediator.simulation.sending import Sender, Uncounted
from remediator.simulation.telling import Teller
from remediator.simulation.watching import CalmWatch, TellingEvidence

LONG = timedelta(days=1)
_ON_VERDICT = re.compile(r'max by \([a-z, ]+\) \(fleetmend_verdict\{verdict="([a-z_]+)"\}\) == 1')


class TimedLoop(Loop):
    """The real loop; time that was jumped over is no pause of the process."""

    def skipped(self, seconds: float) -> None:
        self._ticked_at += seconds
        self._ticked_on += timedelta(seconds=seconds)


class Process:
    """Everything that a crash takes with it."""

    def __init__(
        self, setting: Setting, rules: Rules, box_key: str, shelf: Shelf, doom: Doom, teller: Teller, now: datetime
    ) -> None:
        self.clock = FakeClock(now)
        self.slept = 0.0
        self._setting = setting
        self._rules = rules
        self._teller = teller
        self._doom = doom
        self._shelf = shelf
        self._doubts: set[str] = set()
        self._box_key = box_key
        self.ledger = teller.ledger = InlineLedger(shelf, doom, teller.committed)
        self._evidence = TellingEvidence()
        self.watch = CalmWatch(self.ledger, self._evidence, rules.times.evidence, self.clock)
        self.signals = Signals(rules.policy)
        self._on_verdicts = {
            rule.name: found[1]
            for group in rules.policy.groups
            for rule in group.rules
            if (found := _ON_VERDICT.fullmatch(rule.expr.strip()))
        }

    def populate(self, now: datetime) -> None:
        """The fleet's rows, before anything is recorded as news."""
        population = self._setting.population
        self._teller.knows(population.hosts, population.machines)
        probers = [Enrolment(v.name, "vantage", v.region, v.rack, now) for v in population.vantages]
        agents = [
            Enrolment(h.name, "agent", h.region, h.rack, now, verify_key="v", box_key=self._box_key)
            for h in population.hosts
        ]
        self.ledger.fill([
            *population.hosts, *population.machines, *population.volumes, *population.snapshots, *probers, *agents
        ])  # fmt: skip

    def open(self, now: datetime, *, first: bool) -> None:
        """A new term; the first one began long ago, with everybody connected and the gate open."""
        if first:
            self.ledger.fill([Term("2000-01-01T00:00:00+00:00-simulated", 0, now - LONG)])
        term = at_once(begin_term(self.ledger, self.clock))
        watch, rules = self.watch, self._rules
        self.gauge = StoreGauge(now, first=first)
        watch.gate, watch.on_return = self.gauge.gate(), self._setting.story.on_return
        watch.alerts = lambda: self.signals.alerts(self.clock.now(), self.gauge.open_since())
        self.agents = Agents(self.ledger, watch, ConfigCache(), term, self.clock)
        self._wire_doubts(term)
        self.outbox = Sender(self.ledger, self.agents, self.clock, self._setting.send, self._doom, watch.known)
        self.loop = TimedLoop(self.ledger, watch, self.outbox, self.agents, rules, self.clock, Uncounted())
        self.loop.looked = self.doubts.looked
        playbooks = self._rules.policy.playbooks
        people = People(self.ledger, watch, lambda: playbooks, self.clock)
        self.desk = Desk(self.ledger, watch, self.outbox, self.clock, self.gauge, self._setting.told)
        self.desk.people, self.desk.rewound = people, self.rewound
        if first:
            watch.began_long_ago(now - LONG)
            self._evidence.connect(host.name for host in self._setting.population.hosts)
        else:
            self._teller.restarted()
            watch.backlog_since = dict.fromkeys(rules.policy.playbooks, now)
        for vantage in self._setting.population.vantages if first else ():
            self._evidence.reported(vantage, now)
        self.say_flags()

    def _wire_doubts(self, term: Term) -> None:
        """As the composition root of the real one does it."""
        self.rewound = Rewound(self.ledger, term, self.clock)
        at_once(self.rewound.remember())
        if behind := self._shelf.behind:
            at_once(self.rewound.suspect(behind))
            self._shelf.exported = self._shelf.number
        self.agents.rewound = self.rewound
        self.rewound.renewed += [self.agents.renew, self._renewed]
        self.rewound.hang_up = self._setting.hang_up
        self.doubts = Doubts(self.ledger, self._evidence, self.gauge.gate, self.clock)
        self.doubts.sources.append(self.rewound.doubts)
        self.watch.doubts = self._doubted

    def _renewed(self, _term: Term) -> None:
        self._setting.told.line("the gap is accepted: a new incarnation begins")

    def _doubted(self) -> dict[str, str]:
        """Every doubt, told when it begins and ends."""
        found = self.doubts()
        for reason in sorted(found.keys() ^ self._doubts):
            self._setting.told.line(
                f"doubts itself: {reason}: {found[reason]}" if reason in found else f"trusts itself again: {reason}"
            )
        self._doubts = set(found)
        told = self._setting.told
        told.flags.set("rewound", told.now, on="Rewound" in found)
        return found

    def at(self, now: datetime) -> "Process":
        self.clock.set(now)
        return self

    def greeted(self, hello: Hello) -> Welcome:
        if self.ledger.get(Enrolment, f"agent/{hello.host}") is None:
            at_once(self._enrol(hello))
        try:
            word = at_once(self.agents.greeted(hello.host, hello.body))
        except PermanentError as error:
            return Welcome(refused=str(error))
        held = word.automatic if word.frozen else ()
        return Welcome(word.epoch, word.term, word.condemned, "", word.incarnation, word.began, word.admit, held)

    async def _enrol(self, hello: Hello) -> None:
        """A host that was delivered has a token, which is exchanged for its keys."""
        region, rack, now = hello.body["region"], hello.body["rack"], self.clock.now()
        async with self.ledger.writing() as draft:
            draft.put(Enrolment(hello.host, "agent", region, rack, now, verify_key="v", box_key=self._box_key))

    def heard(self, message: Message) -> str:
        now = self.clock.now()
        match message:
            case Report():
                return self._reported(message)
            case Canary():
                self._woken()
                self.gauge.read(message, now)
                self.say_flags()
            case Signal():
                self.signals.take(message, now)
            case Ended():
                self.outbox.came_back(message, now)
            case HungUp() | Powered() | Probes():
                self._evidence_of(message, now)
        return ""

    def _evidence_of(self, message: HungUp | Powered | Probes, now: datetime) -> None:
        match message:
            case HungUp():
                self.agents.hung_up(message.host)
            case Powered():
                self._evidence.powered(message.host, message.state, now)
            case Probes():
                self._evidence.reported(message.vantage, now)
                for host, outcome in message.results:
                    self._evidence.voted(message.vantage, host, outcome, now)

    def _reported(self, message: Report) -> str:
        try:
            at_once(self.agents.heard(message.host, message.body))
        except (TransientError, PermanentError) as error:
            return str(error)
        return ""

    def tick(self) -> bool:
        """One round of the real loop; whether a row changed or a hold did."""
        before, holds = self.ledger.commits, self.loop.holds
        self._woken()
        at_once(self.loop.tick(self.gauge))
        standing = self.loop.holds
        for alert, kind in self._on_verdicts.items():
            self._setting.told.shown[alert] = self.watch.of_kind(kind)
        if standing is holds:
            return self.ledger.commits != before
        self._setting.told.holds({key: (d.outcome.value, d.reason, d.text) for key, d in standing.items()})
        return self.ledger.commits != before or standing.keys() != holds.keys()

    def _woken(self) -> None:
        """Time that was jumped over was neither a pause of ours nor a silence of the store."""
        if self.slept:
            self.loop.skipped(self.slept)
            self.slept = 0.0
            self.gauge.skipped(self.clock.now())

    def busy(self) -> bool:
        """Whether time alone may bring something: anything open, any host not well."""
        ledger = self.ledger
        if self.signals.some or self.loop.holds or any(ledger.all(Demand)):
            return True
        if any(h.joined and (h.life in LOST or not (h.takes_work or h.cordoned)) for h in ledger.all(Host).values()):
            return True
        open_ones: list[Mapping[str, Operation | Migration | Burst]] = [
            ledger.all(Operation), ledger.all(Migration), ledger.all(Burst)
        ]  # fmt: skip
        if any(each.open for rows in open_ones for each in rows.values()):
            return True
        return any(each.open for each in ledger.all(Destroy).values()) or self._undoes()

    def _undoes(self) -> bool:
        """A cordon of a playbook's own may still be taken back."""
        playbooks = self._rules.policy.playbooks
        return any(host.cordoned in playbooks for host in self.ledger.all(Host).values() if host.cordoned)

    def say_flags(self) -> None:
        told = self._setting.told
        gate = self.gauge.gate()
        if told.flags.set("gate", told.now, on=gate.open):
            told.line("gate opens" if gate.open else f"gate closes: {gate.reason}")
        told.flags.set("frozen", told.now, on=bool(self.gauge.frozen()))
