"""The rows of a scenario's fleet as they are at its beginning."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from remediator.engine.evidence.vantages import Vantage
from remediator.model.decision import Remediation
from remediator.model.evidence import Verdict, VerdictKind
from remediator.model.host import Capacity, Host
from remediator.model.incident import Incident
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import Machine, MachineState, Sealed, Snapshot, Volume
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.record import Record
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation
from remediator.model.suspicion import BaseRate, Suspicion
from remediator.simulate.scenarios.scenario import Scenario
from remediator.simulate.scenarios.schema import MachineFields

ROOM = Capacity(8, 8192, 8192)
VOLUME_MB = 100
LONG_AGO = timedelta(days=1)


@dataclass(slots=True)
class Rows:
    """What a journal would hold, by id; changed in place as the scenario goes on."""

    hosts: dict[str, Host] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    destroys: dict[str, Destroy] = field(default_factory=dict)
    migrations: dict[str, Migration] = field(default_factory=dict)
    bursts: dict[str, Burst] = field(default_factory=dict)
    loans: dict[str, Loan] = field(default_factory=dict)
    demands: dict[str, Demand] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    remediations: dict[str, Remediation] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    approvals: dict[str, Approval] = field(default_factory=dict)
    operator_holds: dict[str, OperatorHold] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    suspicions: dict[str, Suspicion] = field(default_factory=dict)
    base_rates: dict[str, BaseRate] = field(default_factory=dict)


def rows_of(scenario: Scenario, start: datetime) -> Rows:
    """Hosts, machines, volumes and demands; all has been well for a day."""
    fields, rows, since = scenario.fields, Rows(), start - LONG_AGO
    for name, (region, rack) in scenario.hosts.items():
        until = fields.maintenance.get(name)
        rows.hosts[name] = Host(
            name,
            region,
            rack,
            since=since,
            status_since=since,
            capacity=Capacity() if name in fields.full else ROOM,
            labels=dict(fields.labels.get(name, {})),
            cordoned=fields.cordoned.get(name, ""),
            maintenance_until=None if until is None else start + until,
            epoch=1,
            joined=True,
        )
    for host, machines in fields.machines.items():
        for machine in machines:
            _add_machine(rows, rows.hosts[host], machine, start)
    for name, idle in fields.lent.items():
        # One that is no host of ours was asked for so long ago, and has never joined.
        joined = since if name in rows.hosts else None
        blank = Loan(name, scenario.hosts[name][0] if joined else "arn", "burst", since if joined else start - idle)
        held = LoanStage.JOINED if joined else LoanStage.AWAITED
        rows.loans[name] = replace(blank, stage=held, joined_at=joined, idle_since=start - idle if joined else None)
    for region, count in fields.demands.items():
        add_demand(rows, region, count, start)
    return rows


def vantages_of(scenario: Scenario) -> list[Vantage]:
    """A prober in each rack that has one."""
    given = scenario.fields.vantages
    places = {region: list(racks) for region, racks in scenario.fields.hosts.items()} if given is None else given
    return [Vantage(f"p-{region}-{rack}", region, rack) for region, racks in places.items() for rack in racks]


def verdicts_of(scenario: Scenario, start: datetime) -> dict[str, Verdict]:
    """What was thought of hosts that came and went before the scenario's beginning."""
    return {
        name: Verdict(name, VerdictKind.ALIVE, start, "", suspected=((start - span, start),))
        for name, span in scenario.fields.suspected.items()
    }


def add_demand(rows: Rows, region: str, count: int, now: datetime) -> None:
    """Machines that somebody asked for and did not get; 0 takes them back."""
    key = f"web/{region}"
    rows.demands.pop(key, None)
    if count:
        rows.demands[key] = Demand(key, "web", region, Capacity(1, 256, 0), count, now, now)


def _add_machine(rows: Rows, host: Host, fields: MachineFields, start: datetime) -> None:
    since, instance = start - fields.started, f"{fields.name}-1"
    volume = f"{fields.name}-volume" if fields.volume or fields.snapshot is not None else ""
    sealed = Sealed(fields.name, instance, host.name, 1, "", "", "") if fields.recoverable else None
    rows.machines[fields.name] = Machine(
        fields.name,
        fields.app,
        fields.name,
        host.region,
        host.name,
        instance,
        created_at=since,
        updated_at=since,
        state=MachineState(fields.state),
        config={"guest": {"cpus": fields.cpus, "memory_mb": fields.memory_mb}, "standbys": fields.standbys},
        sealed=sealed,
        volumes=(volume,) if volume else (),
    )
    if volume:
        rows.volumes[volume] = Volume(
            volume, fields.app, "data", host.region, host.name, VOLUME_MB, since, machine=fields.name
        )
    if fields.snapshot is not None:
        taken = start - fields.snapshot
        name = f"{volume}-snapshot"
        rows.snapshots[name] = Snapshot(name, volume, fields.app, taken, VOLUME_MB, "")
