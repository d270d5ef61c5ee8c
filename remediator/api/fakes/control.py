"""A control over a fleet in memory: what tests of the HTTP surface talk to. Nothing runs, everything is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from remediator.api.control import (
    Changes,
    JoinAsk,
    LaunchAsk,
    Placements,
    ProbeTarget,
    Undead,
    VantageReport,
    VolumeAsk,
    VolumeKept,
)
from remediator.api.fakes.life import FakeLife
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.machines.refusals import Refused, Terms, no_room, not_found, precondition
from remediator.engine.machines.verbs import held
from remediator.engine.machines.volume_asks import end_refused, ending, extension_refused, wanted_mb
from remediator.engine.whatif import Assumptions, Outlook
from remediator.model.app import App, AppAsk
from remediator.model.asks import LeaseAsk
from remediator.model.decision import Decision
from remediator.model.errors import FleetmendError, PermanentError
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.loan import Loan
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.policy import InForce, Policy
from remediator.model.reconciling import Gap
from remediator.model.request import Burst, Destroy, DestroyStage, Migration, Origin
from remediator.model.said import Heard, Said


@dataclass
class FakeControl:
    """Implements ``Control``; fields are the fake's knobs, ``fails_with`` is raised by every write."""

    at: datetime
    world: Fleet = field(default_factory=Fleet)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: list[Decision] = field(default_factory=list)
    held: list[Decision] = field(default_factory=list)
    not_ready: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)
    seen_undead: dict[str, Undead] = field(default_factory=dict)
    placed: Placements = field(default_factory=lambda: Placements({}, {}, {}))
    playbooks: dict[str, str] = field(default_factory=dict)
    vantage_tokens: dict[str, str] = field(default_factory=dict)
    targets: list[ProbeTarget] = field(default_factory=list)
    reports: list[VantageReport] = field(default_factory=list)
    statements: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, Origin, str]] = field(default_factory=list)
    made_apps: dict[str, App] = field(default_factory=dict)
    joins: list[JoinAsk] = field(default_factory=list)
    minted: list[tuple[str, str]] = field(default_factory=list)
    words: list[Said] = field(default_factory=list)
    in_force: InForce = field(default_factory=lambda: InForce("digest", datetime(2026, 8, 1, 12, tzinfo=UTC)))
    assumptions: Assumptions = field(default_factory=lambda: Assumptions(Policy(), {}, "host_dead", LifeTimes()))
    looked: Outlook = field(default_factory=Outlook)
    fails_with: Exception | None = None
    changes: int = 0
    amiss: Gap = field(default_factory=lambda: Gap(""))
    accepted: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.life = FakeLife(self)

    def now(self) -> datetime:
        return self.at

    def fleet(self) -> Fleet:
        return self.world

    def rows(self) -> Fleet:
        return self.world

    def sequence(self) -> int:
        return self.changes

    def changed(self, since: int, kinds: Sequence[type]) -> Changes:  # noqa: ARG002 - the protocol's
        """Always the whole of it: a world that is replaced remembers no changes."""
        world: dict[type, Mapping[str, Any]] = {
            Host: self.world.hosts,
            Machine: self.world.machines,
            Volume: self.world.volumes,
            Snapshot: self.world.snapshots,
            Destroy: self.world.destroys,
            Migration: self.world.migrations,
            Burst: self.world.bursts,
            Loan: self.world.loans,
        }
        return Changes(0, {kind.__name__: world[kind] for kind in kinds}, whole=True)

    def decisions(self, limit: int) -> list[Decision]:
        return sorted(self.told, key=lambda each: each.at, reverse=True)[:limit]

    def decision(self, identifier: str) -> Decision | None:
        return next((each for each in self.told if each.id == identifier), None)

    def holds(self) -> list[Decision]:
        return list(self.held)

    def holds_of(self, target: str) -> list[Decision]:
        return [each for each in self.held if each.target == target]

    def full_config(self, machine_id: str) -> dict[str, Any] | None:
        return self.configs.get(machine_id)

    def unready(self) -> list[str]:
        return list(self.not_ready)

    def gap(self) -> Gap:
        return self.amiss

    async def accept_gap(self, by: str, why: str, silent: int) -> Gap:
        if not self.amiss.reason or len(self.amiss.silent) > silent:
            raise PermanentError("there is nothing to accept, or not everybody has told")
        accepted, self.amiss = self.amiss, Gap("")
        self.accepted.append((by, why))
        return accepted

    def journal_head(self) -> dict[str, Any]:
        return {"shard": "", "number": 7, "hash": "00" * 32}

    def degraded(self) -> list[str]:
        return list(self.worse)

    def undead(self) -> Mapping[str, Undead]:
        return self.seen_undead

    def placements(self) -> Placements:
        return self.placed

    def modes(self) -> Mapping[str, str]:
        return self.playbooks

    def rules(self) -> InForce:
        return self.in_force

    def assumed(self) -> Assumptions:
        return self.assumptions

    def outlook(self) -> Outlook:
        return self.looked

    async def reload(self) -> InForce:
        return self.in_force

    def frozen(self) -> str:
        return self.world.frozen

    async def create_machine(self, ask: LaunchAsk) -> Machine:
        self._may_fail()
        host = self._host_for(ask.region)
        number = len(self.world.machines) + 1
        machine = Machine(
            id=f"{number:014x}",
            app=ask.app,
            name=ask.name or f"{ask.app}-{number}",
            region=host.region,
            host=host.name,
            instance_id=f"01J{number:023d}",
            created_at=self.at,
            updated_at=self.at,
            state=MachineState.STARTED if ask.start else MachineState.CREATED,
            cordoned=ask.cordoned,
            config={key: ask.config[key] for key in ("guest", "metadata", "mounts", "image") if key in ask.config},
        )
        self.configs[machine.id] = ask.config
        self._keep(machine)
        if ask.lease_seconds:
            await self.life.take_lease(LeaseAsk(machine.id, ask.lease_seconds, ask.who))
        return machine

    async def destroy_machine(
        self, machine_id: str, *, force: bool, origin: Origin, who: str, nonce: str = ""
    ) -> Destroy:
        self._may_fail()
        machine = self._machine(machine_id)
        if refused := held(self.life.lease(machine_id), nonce, self.at):
            raise refused
        host = self.world.hosts.get(machine.host)
        lost = host is not None and host.status is not HostStatus.OK
        if not force and (lost or machine.state is MachineState.STARTED):
            raise precondition("unable to destroy machine, not currently stopped, suspended, failed or created")
        if host is not None and host.life is Life.SUSPECT:
            raise precondition("the host has only just been lost", retry_after=60)
        self.asked.append((machine_id, origin, who))
        self._keep(replace(machine, state=MachineState.DESTROYING))
        stage = DestroyStage.BLOCKED if lost else DestroyStage.QUEUED
        destroy = Destroy(machine_id, machine.app, machine.host, origin, who, self.at, stage)
        self.world = replace(self.world, destroys={**self.world.destroys, machine_id: destroy})
        return destroy

    async def create_volume(self, ask: VolumeAsk) -> Volume:
        self._may_fail()
        if ask.snapshot_id and ask.snapshot_id not in self.world.snapshots:
            raise not_found("snapshot")
        size = wanted_mb(ask, self.world.snapshots.get(ask.snapshot_id))
        host = self._host_for(ask.region)
        name = f"vol_{len(self.world.volumes) + 1:016x}"
        volume = Volume(name, ask.app, ask.name, host.region, host.name, size, self.at, restored_from=ask.snapshot_id)
        return self._keep_volume(volume)

    async def snapshot_volume(self, volume_id: str) -> Snapshot:
        self._may_fail()
        volume = self.world.volumes[volume_id]
        name = f"vs_{len(self.world.snapshots) + 1:016x}"
        snapshot = Snapshot(name, volume_id, volume.app, self.at, volume.used_bytes, "0" * 64)
        self.changes += 1
        self.world = replace(self.world, snapshots={**self.world.snapshots, name: snapshot})
        return snapshot

    async def extend_volume(self, volume_id: str, size_mb: int) -> tuple[Volume, bool]:
        self._may_fail()
        volume = self.world.volumes[volume_id]
        if refused := extension_refused(volume, size_mb, self.world):
            raise refused
        return self._keep_volume(replace(volume, size_mb=size_mb)), bool(volume.machine)

    async def update_volume(self, volume_id: str, kept: VolumeKept) -> Volume:
        self._may_fail()
        volume = self.world.volumes[volume_id]
        days = volume.retention_days if kept.retention_days is None else kept.retention_days
        backup = volume.auto_backup if kept.auto_backup is None else kept.auto_backup
        return self._keep_volume(replace(volume, retention_days=days, auto_backup=backup))

    async def destroy_volume(self, volume_id: str, *, origin: Origin, who: str) -> Volume:
        self._may_fail()
        volume = self.world.volumes[volume_id]
        if refused := end_refused(volume, self.world):
            raise refused
        self.asked.append((volume_id, origin, who))
        return self._keep_volume(replace(volume, state=ending(volume)))

    def apps(self) -> Mapping[str, App]:
        return self.made_apps

    async def create_app(self, ask: AppAsk) -> App:
        self._may_fail()
        named = {each.app for each in self.world.machines.values()} | {*self.made_apps}
        if ask.name in named:
            raise Refused("Name has already been taken", Terms(422, "name_taken"))
        self.made_apps[ask.name] = App(ask.name, ask.organisation, ask.network, self.at, ask.role, ask.by)
        return self.made_apps[ask.name]

    async def delete_app(self, name: str, *, force: bool, origin: Origin, who: str) -> None:
        self._may_fail()
        if not force and any(machine.app == name and machine.alive for machine in self.world.machines.values()):
            raise precondition(f"app {name} has machines; they go with force=true")
        self.made_apps.pop(name, None)
        self.asked.append((name, origin, who))

    async def hear(self, said: Said) -> Heard:
        self._may_fail()
        self.words.append(said)
        return Heard("h1", f"heard {type(said.word).__name__}", changed=True, until=said.until)

    async def said(self, limit: int) -> list[dict[str, Any]]:
        told = self.words[::-1][:limit]
        return [{"at": self.at, "word": type(x.word).__name__, "by": x.by, "why": x.why, "text": ""} for x in told]

    async def unsealings(self, app: str, limit: int) -> list[dict[str, Any]]:
        mine = [machine for machine in self.world.machines.values() if machine.app == app and machine.replaces]
        return [{"at": self.at, "machine": x.replaces, "app": app, "for": x.id, "host": x.host} for x in mine[:limit]]

    async def freeze(self, statement: dict[str, Any]) -> None:
        self._may_fail()
        self.statements.append(statement)
        self.world = replace(self.world, frozen=f"by {statement.get('who')}" if statement.get("frozen") else "")

    async def mint_join_token(self, name: str, kind: str) -> str:
        self._may_fail()
        self.minted.append((name, kind))
        return f"secret-for-{name}.0123456789abcdef"

    async def join(self, ask: JoinAsk) -> dict[str, str]:
        self._may_fail()
        if not ask.token.startswith(f"secret-for-{ask.name}."):
            raise Refused("this join token is not known, used, or expired", Terms(403, "forbidden"))
        self.joins.append(ask)
        return {"token": f"vantage-{ask.name}"} if ask.kind == "vantage" else {"box_key": "", "verify_key": ""}

    def vantage_for(self, token: str) -> str:
        return self.vantage_tokens.get(token, "")

    def take_report(self, report: VantageReport) -> list[ProbeTarget]:
        self.reports.append(report)
        return list(self.targets)

    def refuse_everything(self, error: FleetmendError) -> None:
        """From now on every write raises this."""
        self.fails_with = error

    def _may_fail(self) -> None:
        if self.fails_with is not None:
            raise self.fails_with

    def _machine(self, machine_id: str) -> Machine:
        if machine_id not in self.world.machines:
            raise not_found("machine")
        return self.world.machines[machine_id]

    def _host_for(self, region: str) -> Host:
        for host in self.world.hosts.values():
            if host.takes_work and region in ("", host.region):
                return host
        raise no_room(f"no host in {region or 'any region'} takes work")

    def _keep_volume(self, volume: Volume) -> Volume:
        self.changes += 1
        self.world = replace(self.world, volumes={**self.world.volumes, volume.id: volume})
        return volume

    def _keep(self, machine: Machine) -> Machine:
        self.changes += 1
        return self.life.keep(machine)
