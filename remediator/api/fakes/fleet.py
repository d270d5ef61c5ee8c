"""A fleet in the middle of a bad night, for tests and for looking at the status page."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from remediator.api.control import Placements, Undead
from remediator.api.fakes.control import FakeControl
from remediator.model.alert import Alert, AlertState
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.evidence import Gate, Verdict, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Fence, Host, HostStatus, Life
from remediator.model.machine import Event, Machine, MachineState, Recovery, Snapshot, Volume
from remediator.model.request import (
    Burst,
    BurstStage,
    Destroy,
    DestroyStage,
    Migration,
    MigrationStage,
    Origin,
)


class Row(NamedTuple):
    """What differs between the hosts."""

    name: str
    region: str
    rack: str
    status: HostStatus
    life: Life
    reason: str


HOSTS = (
    Row("h1", "arn", "r1", HostStatus.OK, Life.HEALTHY, ""),
    Row("h2", "arn", "r2", HostStatus.UNREACHABLE, Life.DEAD, "3 of 3 assigned vantages hear nothing"),
    Row("h3", "arn", "r2", HostStatus.UNKNOWN, Life.SUSPECT, "three heartbeats missed"),
    Row("h4", "iad", "r3", HostStatus.OK, Life.HEALTHY, ""),
    Row("h5", "iad", "r3", HostStatus.UNKNOWN, Life.RETURNING, "2 condemned machines are still there"),
    Row("h6", "iad", "r4", HostStatus.OK, Life.HEALTHY, ""),
)
VERDICTS = {
    "h2": (VerdictKind.DEAD, "3 of 3 assigned vantages hear nothing, 2 of them outside its rack", 3),
    "h3": (VerdictKind.SUSPECT, "1 of 3 assigned vantages hears nothing", 1),
}


def troubled_control(now: datetime) -> FakeControl:
    """A control over that fleet; full configs are there for machines on hosts that are ok."""
    fleet = troubled_fleet(now)
    secrets = {"env": {"TOKEN": "swordfish"}, "init": {"exec": ["/bin/worker"]}}
    full = {
        machine.id: {**machine.config, **secrets}
        for machine in fleet.machines.values()
        if fleet.hosts[machine.host].status is HostStatus.OK
    }
    return FakeControl(
        now,
        fleet,
        full,
        told=_decisions(now),
        held=_holds(now),
        worse=["the store answered late twice within the last minute"],
        seen_undead={"h5": Undead(2, 3.4)},
        placed=Placements({"arn": 14, "iad": 20}, {("arn", "memory"): 2}, {"arn": 2, "iad": 0}),
        playbooks={"host_dead": "auto", "host_disk_full": "approve", "region_without_room": "auto"},
        changes=41,
    )


def troubled_fleet(now: datetime) -> Fleet:
    """Six hosts, one of them dead, one suspect, one returning; thirty machines in all states of recovery."""
    machines = {machine.id: machine for machine in _machines(now)}
    ids = list(machines)
    return Fleet(
        hosts={row.name: _host(now, row) for row in HOSTS},
        machines=machines,
        volumes={volume.id: volume for volume in _volumes(now, machines)},
        snapshots={snapshot.id: snapshot for snapshot in _snapshots(now)},
        destroys={ids[1]: Destroy(ids[1], "web", "h2", Origin.OWNER, "owner", now, DestroyStage.BLOCKED)},
        migrations={"m1": _migration(now, ids[6])},
        bursts={"b1": _burst(now)},
        verdicts={row.name: _verdict(now, row.name) for row in HOSTS},
        alerts=_alerts(now),
        gate=Gate(open=True, reason="", since=now - timedelta(hours=7)),
        term_began=now - timedelta(hours=9),
    )


def _host(now: datetime, row: Row) -> Host:
    life = row.life
    since = now - (timedelta(seconds=95) if life is not Life.HEALTHY else timedelta(days=3, hours=4))
    return Host(
        name=row.name,
        region=row.region,
        rack=row.rack,
        since=since,
        status_since=since,
        address=f"10.77.0.{10 + int(row.name[1:])}",
        agent_port=9080,
        exporter_port=9100,
        capacity=Capacity(8, 4096, 2048),
        version="0.1.0",
        epoch=3,
        life=life,
        status=row.status,
        reason=row.reason,
        died_at=since if life is Life.DEAD else None,
        fence=Fence.PENDING if life is Life.DEAD else Fence.NONE,
        cordoned="disk above 92 %" if row.name == "h6" else "",
        joined=True,
    )


def _verdict(now: datetime, host: str) -> Verdict:
    kind, reason, silent = VERDICTS.get(host, (VerdictKind.ALIVE, "3 of 3 assigned vantages hear it", 0))
    return Verdict(host, kind, now - timedelta(seconds=95), reason, silent, 3, min(silent, 2), newest=now)


def _machines(now: datetime) -> list[Machine]:
    return [_machine(now, number) for number in range(30)]


def _machine(now: datetime, number: int) -> Machine:
    host = HOSTS[number % 6]
    app = ("web", "worker", "db")[number % 3] if number < 28 else "db"
    created = now - timedelta(days=2, minutes=number)
    machine = Machine(
        id=f"{0x3D8E1F00000000 + number * 7919:014x}",
        app=app,
        name=f"{app}-{number}",
        region=host.region,
        host=host.name,
        instance_id=f"01J{number:023d}",
        created_at=created,
        updated_at=created,
        state=MachineState.STARTED,
        config={
            "image": "registry.example/web:1.4",
            "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
            "metadata": {"recoverable": "true"},
        },
        port=20000 + number,
        events=(Event(created, "start", "started", "fleetmend"), Event(created, "launch", "created", "user")),
    )
    return _in_trouble(now, machine, number)


def _in_trouble(now: datetime, machine: Machine, number: int) -> Machine:
    match machine.host, number:
        case "h2", 1:
            # As a real row would: the state says it, the request carries it.
            return replace(machine, state=MachineState.DESTROYING)
        case "h2", 7 | 19:
            return machine.recovering(Recovery.SERVING, "answers on h1 since 82 s", now, "3d8e1f000abcde")
        case "h2", 13:
            held = replace(machine, volumes=("vol_jo4v4mv88keymd0n",))
            reason = (
                "volume vol_jo4v4mv88keymd0n is on h2; newest snapshot is 17 h old, 1 h is allowed: a person must say"
            )
            return held.recovering(Recovery.WAITING, reason, now)
        case "h2", 25:
            return machine.recovering(Recovery.HELD, "it has no sealed config: not recoverable", now)
        case "h5", 4 | 10:
            return replace(machine, condemned_at=now, condemned_why="replaced while h5 was dead")
        case _:
            return machine


def _volumes(now: datetime, machines: dict[str, Machine]) -> list[Volume]:
    owner = next(machine.id for machine in machines.values() if machine.volumes)
    made = now - timedelta(days=1)
    return [
        Volume("vol_jo4v4mv88keymd0n", "db", "data", "arn", "h2", 1536, made, machine=owner, used_bytes=383382372),
        Volume("vol_jyx9x59me85w8exr", "db", "data", "iad", "h4", 64, made, used_bytes=1000),
    ]


def _snapshots(now: datetime) -> list[Snapshot]:
    ages = {"vs_xy7nyZLo16KGiao91x": 17, "vs_qwgpwPme9nKli7jxqx": 24, "vs_wnw3nZNL61KeUpN0px": 48}
    return [
        Snapshot(name, "vol_jo4v4mv88keymd0n", "db", now - timedelta(hours=hours), 383382372, "ab" * 32)
        for name, hours in ages.items()
    ]


def _migration(now: datetime, machine: str) -> Migration:
    asked = now - timedelta(seconds=40)
    return Migration("m1", machine, "web", "h6", "h4", asked, "disk above 92 %", MigrationStage.COPYING)


def _burst(now: datetime) -> Burst:
    asked = now - timedelta(seconds=31)
    return Burst("b1", "arn", 2, Capacity(8, 4096, 2048), asked, ("d1",), BurstStage.PROVISIONING, names=("h7", "h8"))


def _alerts(now: datetime) -> tuple[Alert, ...]:
    def alert(name: str, host: str, state: AlertState, age: int, summary: str) -> Alert:
        labels = {"alertname": name, "host": host, "region": "arn", "severity": "critical", "playbook": "host_dead"}
        began = now - timedelta(seconds=age)
        fired = began if state is AlertState.FIRING else None
        return Alert(
            f"{name}{host}", name, labels, state, began, 1.0, {"summary": summary}, fired, actionable=bool(fired)
        )

    dead = "h2 in arn: more than half of its assigned vantages hear nothing"
    return (
        alert("HostDead", "h2", AlertState.FIRING, 98, dead),
        alert("HostSilent", "h3", AlertState.PENDING, 4, "h3 in arn: its exporter does not answer"),
    )


def _decisions(now: datetime) -> list[Decision]:
    def act(number: int, age: int, action: str, text: str, *effects: str) -> Decision:
        at = now - timedelta(seconds=age)
        return Decision(
            f"d{number}", at, "host_dead", "h2", action, DecisionOutcome.ACT, "Acting", text, {"silent": 3}, effects
        )

    return [
        act(1, 92, "mark_host_dead", "mark_host_dead on h2: 1 effects", "mark_host_dead:h2"),
        act(
            2,
            91,
            "recreate",
            "recreate on h2: 2 effects",
            "recreate:3d8e1f0000d889:01J7",
            "recreate:3d8e1f00024bbd:01J19",
        ),
        act(3, 30, "condemn", "condemn on h2: 2 effects", "condemn:3d8e1f0000d889", "condemn:3d8e1f00024bbd"),
        *_holds(now),
    ]


def _holds(now: datetime) -> list[Decision]:
    def hold(name: str, target: str, action: str, reason: str, text: str) -> Decision:
        at = now - timedelta(seconds=20)
        return Decision(name, at, "host_dead", target, action, DecisionOutcome.HOLD, reason, text, {"host": target})

    lone = "only direct says so; two of three must"
    return [
        hold("d8", "h2", "restore_volumes", "SecondWitnessMissing", lone),
        hold("d9", "h3", "mark_host_dead", "EvidenceDisagrees", "direct evidence says suspect, not dead"),
    ]
