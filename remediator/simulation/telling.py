"""What the remediator's commits mean in the world's words: acts, statements, routes."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from remediator.journal.protocol import Entry, Row
from remediator.model.fleet import routable
from remediator.model.host import Host
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import Machine, MachineState
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation
from remediator.simulate.world.house import START
from remediator.simulate.world.record import Act, Use
from remediator.simulate.world.told import Told

_OPERATIONS = {"destroy": "destroy", "power_off": "fence", "fence_host": "fence", "power_cycle": "power_cycle"}
_OPERATIONS |= {"give_back": "give_back"}
# Acts that are about the host itself, or about what is on it.
_THERE = frozenset(_OPERATIONS.values())

T = TypeVar("T")


class Rows(Protocol):
    """The rows as they are after a commit: a ledger's, or those of a journal that is read."""

    def get(self, kind: type[T], identifier: str, /) -> T | None: ...

    def all(self, kind: type[T], /) -> Mapping[str, T]: ...


class Teller:
    """Reads each commit against what it knew before."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.ledger: Rows
        self._before: dict[tuple[str, str], Any] = {}
        self._on: defaultdict[str, set[str]] = defaultdict(set)
        self._lines: dict[str, str] = {}
        self._said: set[str] = set()

    def knows(self, hosts: Sequence[Host], machines: Sequence[Machine]) -> None:
        """The beginning, which is no news; what serves then is routed from then on."""
        by_name = {host.name: host for host in hosts}
        self._before |= {("Host", host.name): host for host in hosts}
        for machine in machines:
            self._machine(machine)
            self._route(machine, by_name[machine.host])
            self._before["Machine", machine.id] = machine

    def restarted(self) -> None:
        """Another process, over a journal that may be an older one: what it does not know it does not route."""
        known = self.ledger.all(Machine)
        for host, machines in self._on.items():
            for name in sorted(machines - set(known)):
                self._told.routed(name, self.line_of(name), host, on=False)
        for machine in known.values():
            self._route(machine, self.ledger.get(Host, machine.host))

    def line_of(self, machine: str) -> str:
        return self._lines.get(machine, machine)

    def committed(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        playbooks = {entry.id: entry.body for entry in entries if entry.kind == "decision"}
        for row in sorted(rows, key=lambda row: (row.kind != "Host", _ORDER.get(row.kind, 9), row.id)):
            if row.kind != "Host":
                self._decisions(playbooks)
            before = self._before.get((row.kind, row.id))
            if row.value is None:
                self._before.pop((row.kind, row.id), None)
                if row.kind == "Loan":
                    self._told.lends(row.id, "", {})
            else:
                self._before[row.kind, row.id] = row.value
            teller = _TELLERS.get(row.kind)
            if teller is not None and row.value is not None:
                teller(self, row.value, before, playbooks)
        self._decisions(playbooks)
        if any(row.kind == "Demand" for row in rows):
            self._told.wanting = {demand.region for demand in self.ledger.all(Demand).values()}
        self._routes(rows)

    def _decisions(self, found: dict[str, dict[str, Any]]) -> None:
        """Each act once, after what is said of hosts and before what follows from it."""
        for name in [name for name, body in found.items() if body["outcome"] == "act" and name not in self._said]:
            self._said.add(name)
            self._decided(found[name])

    def _decided(self, body: dict[str, Any]) -> None:
        self._told.line(f"{body['playbook']} acts: {body['text']}")
        if body["action"] in ("mark_host_dead", "notify"):
            kind = "mark_dead" if body["action"] == "mark_host_dead" else "tell"
            self._act(kind, body["target"], body)

    def _act(self, kind: str, host: str, decision: dict[str, Any] | None = None, **more: Any) -> None:
        made = decision or {}
        if kind == "mark_dead":
            self._uses(made)
        self._told.act(
            Act(0.0, kind, host, playbook=made.get("playbook", ""), decision=made.get("id", ""),
                facts=dict(made.get("facts", {})), **more)
        )  # fmt: skip

    def _uses(self, decision: dict[str, Any]) -> None:
        """What each ceiling counted, where no person let the target go."""
        facts = decision.get("facts", {}).get("guards", {}).get("budgets") or {}
        for budget in facts.get("budgets", ()) if not facts.get("let_go") else ():
            self._told.uses.append(
                Use(
                    self._now(),
                    decision["playbook"],
                    budget["scope"],
                    budget["place"],
                    budget["name"],
                    budget["used"],
                    budget["allowed"],
                )
            )

    def host(self, host: Host, before: Host | None, _decisions: Any) -> None:
        now = (host.life, host.status, host.fence)
        if before is None or (before.life, before.status, before.fence) != now:
            self._told.stated(host.name, host.life.value, host.status.value, host.fence.value)
            words = [str(host.life.value), str(host.status.value)] + [f"fence {host.fence.value}"] * (
                host.fence.value != "none"
            )
            self._told.line(f"{host.name} is {', '.join(words)}")
        if host.cordoned != (before.cordoned if before else ""):
            self._act("cordon" if host.cordoned else "uncordon", host.name, text=host.cordoned)

    def machine(self, machine: Machine, before: Machine | None, _decisions: Any) -> None:
        self._machine(machine)
        if machine.state is MachineState.DESTROYED and (before is None or before.state is not MachineState.DESTROYED):
            self._told.destroyed[machine.id] = self._now()
            self._told.line(f"{machine.id} is seen absent from {machine.host}")
        if before is not None and machine.recovery is not before.recovery:
            self._told.line(f"{machine.id} recovery {machine.recovery.value}: {machine.recovery_reason}")

    def destroy(self, destroy: Destroy, before: Destroy | None, _decisions: Any) -> None:
        # One that an older journal brings back open was decided when it was asked for.
        if before is None or (not before.open and before.asked_at != destroy.asked_at):
            withdrawn = destroy.reason.startswith("withdrawn")
            self._act(
                "withdraw" if withdrawn else "condemn", destroy.host, machine=destroy.machine,
                line=self.line_of(destroy.machine), origin=destroy.origin.value, text=destroy.reason,
            )  # fmt: skip
            self._told.line(f"{'withdrawn' if withdrawn else 'condemned'}: {destroy.machine} on {destroy.host}")

    def operation(self, operation: Operation, before: Operation | None, decisions: dict[str, Any]) -> None:
        if before is not None and before.written_at == operation.written_at:
            return
        args, kind = operation.args, _OPERATIONS.get(operation.verb, "")
        if operation.verb == "create" and "source" in args:
            kind = "recreate"
        elif operation.verb == "create_volume" and "supersedes" in args:
            kind = "restore"
        if not kind:
            return
        machine = args.get("source") or operation.machine
        original: Machine | None = self._before.get(("Machine", machine))
        there = str(args.get("host") or operation.host)
        where = there if kind in _THERE else original.host if original else ""
        self._act(
            kind, where, decisions.get(operation.decision), machine=machine, line=self.line_of(machine),
            target="" if kind in _THERE else operation.host, origin=operation.origin.value,
        )  # fmt: skip

    def migration(self, migration: Migration, before: Migration | None, _decisions: Any) -> None:
        if before is None:
            self._act("migrate", migration.source, machine=migration.machine, target=migration.target)
        if before is None or before.stage is not migration.stage:
            where = f"{migration.source} -> {migration.target}"
            self._told.line(
                f"migration of {migration.machine} {where} {migration.stage.value} {migration.note}".rstrip()
            )

    def burst(self, burst: Burst, before: Burst | None, _decisions: Any) -> None:
        if before is None:
            self._act("provision", "", target=burst.region, text=f"{burst.hosts} hosts")
        if before is None or before.stage is not burst.stage:
            self._told.line(f"burst of {burst.hosts} in {burst.region} {burst.stage.value} {burst.note}".rstrip())

    def loan(self, loan: Loan, before: Loan | None, _decisions: Any) -> None:
        idle, awaited = self._moment(loan.idle_since), 0.0 if loan.joined_at else self._moment(loan.asked_at)
        since = {} if loan.over else {"BurstHostIdle": idle, "BurstHostMissing": awaited}
        self._told.lends(loan.host, loan.region, since)
        if before is not None and before.stage is not loan.stage and before.stage is not LoanStage.AWAITED:
            self._told.line(f"loan of {loan.host} {loan.stage.value} {loan.note}".rstrip())

    def _moment(self, at: datetime | None) -> float:
        return (at - START).total_seconds() if at else 0.0

    def incident(self, incident: Any, before: Any, _decisions: Any) -> None:
        moved = before is None or before.stage is not incident.stage
        if moved or before.hosts != incident.hosts:
            told = {"id": incident.id, "label": incident.label, "value": incident.value, "hosts": incident.hosts}
            stage = {"stage": incident.stage.value, "at": self._now(), "reason": incident.reason}
            self._told.incidents.append(told | stage)
        if moved:
            self._told.line(f"incident {incident.label} {incident.value} {incident.stage.value}: {incident.reason}")

    def _machine(self, machine: Machine) -> None:
        self._on[machine.host].add(machine.id)
        if machine.id not in self._lines:
            self._lines[machine.id] = line = self.line_of(machine.replaces) if machine.replaces else machine.id
            self._told.named(machine.id, line if machine.replaces else machine.name, again=bool(machine.replaces))

    def _routes(self, rows: Sequence[Row]) -> None:
        """Routing follows from machines and hosts; a machine may have moved."""
        touched = {row.id for row in rows if row.kind == "Machine"}
        for row in rows:
            if row.kind == "Host":
                touched |= self._on[row.id]
        for name in touched:
            machine = self.ledger.get(Machine, name)
            if machine is not None:
                self._route(machine, self.ledger.get(Host, machine.host))

    def _route(self, machine: Machine, host: Host | None) -> None:
        line = self.line_of(machine.id)
        for other in [name for name, machines in self._on.items() if machine.id in machines and name != machine.host]:
            self._told.routed(machine.id, line, other, on=False)
            self._on[other].discard(machine.id)
        # A journal put back may have it where it was before: that route ends too, once it is seen to be elsewhere.
        self._on[machine.host].add(machine.id)
        self._told.routed(machine.id, line, machine.host, on=routable(machine, host))

    def _now(self) -> float:
        return self._told.now


_ORDER = {"Incident": 0, "Machine": 2, "Destroy": 1}
_TELLERS: dict[str, Callable[..., None]] = {
    "Host": Teller.host,
    "Machine": Teller.machine,
    "Destroy": Teller.destroy,
    "Operation": Teller.operation,
    "Migration": Teller.migration,
    "Burst": Teller.burst,
    "Loan": Teller.loan,
    "Incident": Teller.incident,
}
