"""What must hold after every commit, and once all is well again: the invariants by their numbers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from remediator.journal.protocol import Entry, Row
from remediator.model.enrolment import Term
from remediator.model.fleet import routable
from remediator.model.host import Host, Life
from remediator.model.incident import Incident
from remediator.model.machine import Machine, Recovery
from remediator.model.people import OperatorHold, Release
from remediator.model.policy import Mode
from remediator.model.request import Burst, Destroy, Migration, Operation, Origin
from tests.remediator.runtime.crash_fleet import World
from tests.remediator.runtime.crash_lab import Dial, Shelf

VERBS = frozenset(
    {"create", "create_volume", "destroy", "start", "stop", "power_off", "snapshot", "export", "provision"}
    | {"fence_host", "unfence_host"}
)
Memory = tuple[set[str], set[str], dict[str, datetime]]


@dataclass
class Invariants:
    """Watches one journal and one world; ``wrong`` are the sentences that tell what was broken."""

    shelf: Shelf
    world: World
    dial: Dial
    mode: Mode
    wrong: list[str] = field(default_factory=list)
    # What somebody was answered: it is not forgotten whatever dies.
    destroys: set[str] = field(default_factory=set)
    machines: set[str] = field(default_factory=set)
    holds: dict[str, datetime] = field(default_factory=dict)
    # An older copy of the journal was restored: what it has forgotten nobody can expect of it.
    restored: bool = False

    def memory(self) -> Memory:
        return set(self.destroys), set(self.machines), dict(self.holds)

    def restore(self, memory: Memory) -> None:
        destroys, machines, holds = memory
        self.destroys, self.machines, self.holds = set(destroys), set(machines), dict(holds)
        self.restored = True

    def committed(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        self._one_routable()
        self._held_are_left_alone(rows, entries)
        self._one_host_at_a_time()
        self._volumes_kept(rows)
        self._strangers_prove_nothing(rows)
        self._fenced_are_kept_out(rows)

    def called(self, operation: Operation) -> None:
        """Just before a driver call: what the journal knew of it."""
        written = self.shelf.of(Operation).get(operation.key)
        if written is None:
            self.wrong.append(f"5: {operation.key} is called and not in the journal")
        if operation.verb not in VERBS:
            self.wrong.append(f"21: {operation.verb} is called on {operation.host}")
        term = self.shelf.of(Term).get("term")
        if term is not None and term.rewound:
            self.wrong.append(f"6: {operation.key} is called while we are rewound")
        if operation.origin is Origin.AUTOMATIC:
            self._automatic(operation)

    def _automatic(self, operation: Operation) -> None:
        if self.mode is Mode.SHADOW:
            self.wrong.append(f"14: {operation.key} is called in shadow")
        if self.dial.stopped:
            self.wrong.append(f"9: {operation.key} is called under a freeze")
        move = operation.args.get("migration") in self.shelf.of(Migration) or operation.key in self.shelf.of(Burst)
        if operation.verb == "destroy" and not move:
            self._kills(operation)
        elif operation.verb == "unfence_host":
            self._lets_go(operation)
        elif not move and operation.decision not in self.shelf.decisions:
            self.wrong.append(f"5: {operation.key} has neither decision nor request")

    def _kills(self, operation: Operation) -> None:
        """4, 9: an automatic destroy waits for the gate, and for people's words on its host."""
        if operation.machine not in self.shelf.of(Destroy):
            self.wrong.append(f"5: {operation.key} has neither decision nor request")
        if not self.dial.open:
            self.wrong.append(f"4: {operation.key} is called though the gate is closed")
        if word := self._word_on(operation.host, self.dial.now()):
            self.wrong.append(f"9: {operation.key} is called though {word}")

    def _lets_go(self, operation: Operation) -> None:
        """5: what is lifted was decided upon in an earlier life of its host."""
        if not self.shelf.of(Host)[operation.args["host"]].let_go_due:
            self.wrong.append(f"5: {operation.key} lifts what nobody asked for")

    def _fenced_are_kept_out(self, rows: Sequence[Row]) -> None:
        """6: nobody is admitted whom an orchestrator holds fenced."""
        came = [row.value for row in rows if row.kind == "Host" and row.value and row.value.life is Life.PROBATION]
        if not self.restored:
            self.wrong += [
                f"6: {host.name} is admitted and fenced" for host in came if host.name in self.world.fences
            ]

    def _word_on(self, name: str, now: datetime) -> str:
        """The person's word, if any, that nothing automatic is done to that host now."""
        host = self.shelf.of(Host)[name]
        over = {f"host/{name}", f"rack/{host.rack}", f"region/{host.region}", "fleet/fleet", "playbook/host_dead"}
        held = [key for key, row in self.shelf.of(OperatorHold).items() if key in over and row.covers(now)]
        maintained = host.maintenance_until is not None and now < host.maintenance_until
        return f"{held[0]} is held" if held else f"{name} is in maintenance" * maintained

    def _one_routable(self) -> None:
        hosts, machines = self.shelf.of(Host), self.shelf.of(Machine)
        shown = Counter(root(each, machines) for each in machines.values() if routable(each, hosts.get(each.host)))
        self.wrong += [f"1: {count} instances of {line} are routable" for line, count in shown.items() if count > 1]

    def _one_host_at_a_time(self) -> None:
        """A host holds its slot until each of its stateless machines is placed, held or waiting."""
        hosts, machines = self.shelf.of(Host), self.shelf.of(Machine)
        let_go = {name for row in self.shelf.of(Release).values() for name in row.hosts}
        let_go |= {name for row in self.shelf.of(Incident).values() for name in row.hosts}
        busy = []
        for host in hosts.values():
            mine = [
                m for m in machines.values() if m.host == host.name and m.stateless and m.alive and not m.replaces
            ]
            words = {m.recovery for m in mine}
            begun = bool(words & {Recovery.PLACED, Recovery.SERVING}) and Recovery.NONE in words
            if host.life is Life.DEAD and begun and host.name not in let_go:
                busy.append(host.name)
        if len(busy) > 1:
            self.wrong.append(f"3: {busy} are in flight at once")

    def _held_are_left_alone(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        """9: no new effect of a playbook on a host that a person holds."""
        fresh = [row.value for row in rows if row.kind == "Operation" and row.version == 0 and row.value]
        about = {entry.id: entry.subject for entry in entries if entry.kind == "decision"}
        for operation in (each for each in fresh if each.decision):
            if word := self._word_on(about[operation.decision], operation.written_at):
                self.wrong.append(f"9: {operation.key} is written though {word}")

    def _strangers_prove_nothing(self, rows: Sequence[Row]) -> None:
        """8: absence is observed by the identity that held it."""
        ended = [row.value for row in rows if row.kind == "Destroy" and row.value and not row.value.open]
        for destroy in ended:
            if self.shelf.of(Host)[destroy.host].identity_claim is not None:
                self.wrong.append(f"8: {destroy.machine} is seen absent by a stranger on {destroy.host}")

    def _volumes_kept(self, rows: Sequence[Row]) -> None:
        gone = [row.id for row in rows if row.kind == "Volume" and row.value is None]
        self.wrong += [f"21: volume {name} is forgotten" for name in gone if name in self.world.originals]

    def remembered(self, now: datetime) -> list[str]:
        """18: what was accepted and is not to be found."""
        rows, machines = self.shelf.of(Destroy), self.shelf.of(Machine)
        lost = [f"18: the destroy of {name} is forgotten" for name in self.destroys if name not in rows]
        lost += [f"18: machine {name} is forgotten" for name in self.machines if name not in machines]
        kept = self.shelf.of(OperatorHold)
        return lost + [
            f"18: {key} is forgotten" for key, until in self.holds.items() if now < until and key not in kept
        ]

    def unsettled(self) -> list[str]:
        """7, 8: what is still open though every host is back."""
        hosts, machines = self.shelf.of(Host), self.shelf.of(Machine)
        found = [
            f"8: the destroy of {each.machine} is {each.stage}"
            for each in self.shelf.of(Destroy).values()
            if each.open
        ]
        well = (Life.HEALTHY, Life.PROBATION)
        ill = [host for host in hosts.values() if host.life not in well or host.cordoned]
        found += [f"7: {host.name} is {host.life} {host.cordoned}" for host in ill]
        for box in self.world.boxes.values():
            for name in box.machines:
                known = machines.get(name)
                if known is None or not known.alive:
                    found.append(f"8: {name} is still on {box.name}")
        found += [f"22: {each.id} is {each.stage}" for each in self.shelf.of(Burst).values() if each.open]
        found += [f"8: {each.id} is {each.stage}" for each in self.shelf.of(Migration).values() if each.open]
        return found + ([] if self.restored else self._unserved())

    def _unserved(self) -> list[str]:
        """Every machine of the beginning, or answered to its owner, that nobody wanted gone is routable, once."""
        hosts, machines = self.shelf.of(Host), self.shelf.of(Machine)
        lines: dict[str, int] = {}
        for each in machines.values():
            line = root(each, machines)
            lines[line] = lines.get(line, 0) + routable(each, hosts.get(each.host))
        asked = {each.machine for each in self.shelf.of(Destroy).values() if each.origin is not Origin.AUTOMATIC}
        ended = {root(machines[name], machines) for name in asked if name in machines}
        gone = {root(machines[name], machines) for name in self.world.wiped if name in machines}
        owned = (self.machines | self.world.first) - ended - gone
        return [f"8: {line} is served by {count}" for line, count in lines.items() if count != 1 and line in owned]


def root(machine: Machine, machines: dict[str, Machine]) -> str:
    """The first of a line of replacements."""
    while machine.replaces and machine.replaces in machines:
        machine = machines[machine.replaces]
    return machine.replaces or machine.id
