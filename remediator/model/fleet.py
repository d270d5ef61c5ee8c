"""The fleet at one moment: everything a decision may read, as values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from remediator.model.alert import Alert
from remediator.model.decision import Remediation
from remediator.model.elsewhere import Elsewhere
from remediator.model.evidence import Gate, Sighting, Verdict
from remediator.model.grouping import Placed, over, under
from remediator.model.host import LOST, Capacity, Host, Life
from remediator.model.incident import Incident
from remediator.model.loan import Loan
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.policy import Limits
from remediator.model.record import Record
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation
from remediator.model.suspicion import BaseRate, Suspicion
from remediator.model.views import Views


@dataclass(frozen=True, slots=True)
class Fleet:
    """A snapshot: journalled rows plus evidence, alerts and the gate as they are now."""

    hosts: Mapping[str, Host] = field(default_factory=dict)
    machines: Mapping[str, Machine] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    destroys: Mapping[str, Destroy] = field(default_factory=dict)
    migrations: Mapping[str, Migration] = field(default_factory=dict)
    bursts: Mapping[str, Burst] = field(default_factory=dict)
    loans: Mapping[str, Loan] = field(default_factory=dict)
    demands: Mapping[str, Demand] = field(default_factory=dict)
    operations: Mapping[str, Operation] = field(default_factory=dict)
    remediations: Mapping[str, Remediation] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    operator_holds: Mapping[str, OperatorHold] = field(default_factory=dict)
    releases: Mapping[str, Release] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)
    suspicions: Mapping[str, Suspicion] = field(default_factory=dict)
    base_rates: Mapping[str, BaseRate] = field(default_factory=dict)
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    # Whom this look judged anew; the others' verdicts stand as they were. None: all of them.
    judged: frozenset[str] | None = None
    alerts: tuple[Alert, ...] = ()
    gate: Gate | None = None
    frozen: str = ""
    term_began: datetime | None = None
    # From when on direct evidence was heard without a gap: before the term, where it was kept while another led.
    heard_since: datetime | None = None
    on_return: Mapping[str, str] = field(default_factory=dict)
    # Since when a playbook's asks may be a backlog: our start, or a change of its rules, whichever came last.
    backlog_since: Mapping[str, datetime] = field(default_factory=dict)
    # Names of lent hosts in which an agent greets that is not enrolled: it lives, and we have forgotten it.
    strangers: frozenset[str] = frozenset()
    # Why we do not trust ourselves, by reason: a clock that jumped, a lost lease, isolation.
    doubts: Mapping[str, str] = field(default_factory=dict)
    # Of several shards: what the others tell, and our part of each budget of the whole fleet (None: all of it).
    elsewhere: tuple[Elsewhere, ...] = ()
    shares: Mapping[str, int] | None = None
    # The ceilings in force.
    limits: Limits = field(default_factory=Limits)
    # What decisions of this very look have already given away, by host.
    reserved: Mapping[str, Capacity] = field(default_factory=dict)
    # Kept by ``replace``: two hundred thousand machines are sorted by host once a look, not once a question.
    views: Views = field(default_factory=Views, compare=False, repr=False)

    @property
    def unbroken_since(self) -> datetime | None:
        """From when on direct evidence is whole."""
        return self.heard_since or self.term_began

    def machines_on(self, host: str) -> list[Machine]:
        return list(self.views.machines.of(self.machines, host))

    def volumes_on(self, host: str) -> list[Volume]:
        return list(self.views.volumes.of(self.volumes, host))

    def machines_of(self, app: str) -> list[Machine]:
        return list(self.views.apps.of(self.machines, app))

    @property
    def has_standbys(self) -> bool:
        """Whether anybody keeps one: where nobody does, not every machine is asked for its own."""
        return self.views.standbys.some(self.machines)

    def standbys_of(self, app: str) -> list[Machine]:
        """An app's machines that are standbys of others."""
        return list(self.views.standbys.of(self.machines, app))

    def creates(self) -> list[Operation]:
        """Operations that run a machine elsewhere, the ended ones too; each names its ``source``."""
        rows = self.operations
        return self.views.creates.of((rows,), lambda: [each for each in rows.values() if "source" in each.args])

    def takers(self, region: str) -> list[Host]:
        """The hosts of a region that take work."""
        return list(self.views.takers.of(self.hosts, region))

    def moving(self) -> tuple[int, frozenset[str]]:
        """How many migrations are open, and of which apps."""
        rows = self.migrations
        found: tuple[int, frozenset[str]] = self.views.moving.of((rows,), lambda: _moving(rows.values()))
        return found

    def moves_from(self, host: str) -> list[Migration]:
        """All migrations away from a host."""
        return self.views.moves.of(self.migrations, host)

    def taking(self, region: str) -> int:
        """How many hosts of a region take work."""
        return self.views.takers.many(self.hosts, region)

    def beneath(self) -> "Fleet":
        """The fleet without what was laid over its rows of late; nothing is on its way, or promised."""
        hosts, machines, volumes = under(self.hosts), under(self.machines), under(self.volumes)
        return replace(self, hosts=hosts, machines=machines, volumes=volumes, migrations={}, reserved={})

    def touched(self) -> set[str]:
        """Hosts of which something was laid over what lies beneath, or for which something is on its way."""
        found = {migration.target for migration in self.migrations.values() if migration.open} | {*over(self.hosts)}
        return found | _homes(self.machines) | _homes(self.volumes)

    def successors(self, machine: Machine) -> list[Machine]:
        """The machine's replacement, that one's replacement, and so on; the living and the gone."""
        found: list[Machine] = []
        after = self.machines.get(machine.replaced_by)
        while after is not None and after not in found:
            found.append(after)
            after = self.machines.get(after.replaced_by)
        return found

    def served_elsewhere(self, machine: Machine) -> bool:
        """Whether a living successor of the machine serves now; traffic kept away by its owner changes nothing."""
        return any(each.alive and serves(each, self.hosts.get(each.host)) for each in self.successors(machine))

    def open_operation(self, key: str) -> Operation | None:
        operation = self.operations.get(key)
        return operation if operation and operation.open else None

    def free_on(self, host: Host) -> Capacity:
        """Capacity less what is placed, on its way there, and allocated to volumes."""
        free = host.capacity - self.views.taken(host.name, self.machines, self.volumes, self.migrations)
        promised = self.reserved.get(host.name)
        return free - promised if promised else free


def _moving(rows: Iterable[Migration]) -> tuple[int, frozenset[str]]:
    now = [each.app for each in rows if each.open]
    return len(now), frozenset(now)


def _homes(rows: Mapping[str, Placed]) -> set[str]:
    """Where whatever was laid over the rows is, and was."""
    if not over(rows):
        return set()
    now = {thing.host for thing in over(rows).values() if thing is not None}
    return now | {known.host for name in over(rows) if (known := under(rows).get(name)) is not None}


def routable(machine: Machine, host: Host | None) -> bool:
    """Whether traffic may reach the machine: it serves, and its owner does not keep traffic away."""
    return serves(machine, host) and not machine.cordoned


def serves(machine: Machine, host: Host | None) -> bool:
    """Whether it runs where it may: never condemned, never on a host lost or not yet admitted.

    A standby serves no more from the instant in which whom it stood in for serves again.
    """
    if host is None or machine.condemned or machine.adopted or not _admitted(machine, host):
        return False
    return machine.state is MachineState.STARTED and not machine.stepping_down


def _admitted(machine: Machine, host: Host) -> bool:
    """Of a returning host, only what was admitted in this very epoch."""
    if host.life is Life.RETURNING:
        return machine.admitted_epoch == host.epoch
    return host.life not in LOST
