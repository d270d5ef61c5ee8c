"""The fleet at one moment: everything a decision may read, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from remediator.model.alert import Alert
from remediator.model.decision import Remediation
from remediator.model.evidence import Gate, Sighting, Verdict
from remediator.model.host import LOST, Capacity, Host
from remediator.model.incident import Incident
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation


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
    demands: Mapping[str, Demand] = field(default_factory=dict)
    operations: Mapping[str, Operation] = field(default_factory=dict)
    remediations: Mapping[str, Remediation] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    operator_holds: Mapping[str, OperatorHold] = field(default_factory=dict)
    releases: Mapping[str, Release] = field(default_factory=dict)
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    alerts: tuple[Alert, ...] = ()
    gate: Gate | None = None
    frozen: str = ""
    term_began: datetime | None = None
    on_return: Mapping[str, str] = field(default_factory=dict)
    # Since when a playbook's asks may be a backlog: our start, or a change of its rules, whichever came last.
    backlog_since: Mapping[str, datetime] = field(default_factory=dict)
    # Why we do not trust ourselves, by reason: a clock that jumped, a lost lease, isolation.
    doubts: Mapping[str, str] = field(default_factory=dict)
    # What decisions of this very look have already given away, by host.
    reserved: Mapping[str, Capacity] = field(default_factory=dict)

    def machines_on(self, host: str) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.host == host]

    def volumes_on(self, host: str) -> list[Volume]:
        return [volume for volume in self.volumes.values() if volume.host == host]

    def successors(self, machine: Machine) -> list[Machine]:
        """The machine's replacement, that one's replacement, and so on; the living and the gone."""
        found: list[Machine] = []
        after = self.machines.get(machine.replaced_by)
        while after is not None and after not in found:
            found.append(after)
            after = self.machines.get(after.replaced_by)
        return found

    def served_elsewhere(self, machine: Machine) -> bool:
        """Whether a living successor of the machine is routable now."""
        return any(each.alive and routable(each, self.hosts.get(each.host)) for each in self.successors(machine))

    def open_operation(self, key: str) -> Operation | None:
        operation = self.operations.get(key)
        return operation if operation and operation.open else None

    def free_on(self, host: Host) -> Capacity:
        """Capacity less what is placed, on its way there, and allocated to volumes."""
        taken = self.reserved.get(host.name, Capacity())
        for machine in self.machines.values():
            if machine.host == host.name and machine.state is not MachineState.DESTROYED:
                taken += machine.asks
        for volume in self.volumes.values():
            if volume.host == host.name:
                taken += Capacity(disk_mb=volume.size_mb)
        for migration in self.migrations.values():
            if migration.open and migration.target == host.name and migration.machine in self.machines:
                taken += self.machines[migration.machine].asks
        return host.capacity - taken


def routable(machine: Machine, host: Host | None) -> bool:
    """Whether traffic may reach the machine: never condemned, never on a host lost or not yet admitted."""
    if host is None or host.life in LOST or machine.condemned or machine.adopted:
        return False
    return machine.state is MachineState.STARTED
