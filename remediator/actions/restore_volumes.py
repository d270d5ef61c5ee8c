"""restore_volumes: the volume ladder of a dead host's machines, up to the newest good snapshot."""

from datetime import timedelta
from typing import Literal

import pydantic

from remediator.actions.effects import Effect, NoteRecovery, Quarantine, Recreate, RestoreVolume
from remediator.actions.fields import Duration
from remediator.actions.poison import poisoned
from remediator.actions.proof import never_ran, proved_by
from remediator.actions.recreate import attempts, was_serving
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model import stuck
from remediator.model.machine import Machine, Recovery, Snapshot, Volume
from remediator.model.policy import Kind
from remediator.model.request import Operation, Stage


class RestoreVolumesParams(Params):
    """``max_data_loss`` is the age up to which the newest snapshot is used without asking; else ``otherwise``."""

    needs: Literal["fence_proof"] = "fence_proof"
    max_data_loss: Duration = pydantic.Field(default=timedelta(0))
    otherwise: Literal["ask", "wait"] = "ask"


def plan(case: Case, params: RestoreVolumesParams) -> Planned:
    here = [m for m in case.fleet.machines_on(case.target) if m.alive and m.volumes and not m.adopted]
    lost = [machine for machine in here if was_serving(case, machine)]
    tried = attempts(case)
    effects = [wish for machine in lost if (wish := _rung(case, params, machine, tried.get(machine.id)))]
    pending = [m for m in lost if m.recovery in (Recovery.NONE, Recovery.PLACED)]
    restoring = [m for m in lost if any(_restoring(case, volume) for volume in m.volumes)]
    waiting = pending or restoring
    told = f"{len(waiting)} machines with volumes not settled yet" if waiting else ""
    asks, question = _questions(case, params, lost)
    return Planned(tuple(effects), told, asks, question)


def _questions(case: Case, params: RestoreVolumesParams, lost: list[Machine]) -> tuple[tuple[Effect, ...], str]:
    """Restores that lose more data than is allowed without asking, and the words for it."""
    if params.otherwise != "ask":
        return (), ""
    found: list[Effect] = []
    losses: list[str] = []
    for machine in lost:
        volume = case.fleet.volumes.get(machine.volumes[0])
        snapshot = _newest_good(case, volume) if volume and _is_open(case, machine, volume) else None
        if volume and snapshot and case.now - snapshot.created_at > params.max_data_loss:
            found.append(RestoreVolume(machine.id, volume.id, snapshot.id, volume.size_mb))
            losses.append(f"{machine.app}/{machine.name} since {snapshot.created_at:%Y-%m-%d %H:%M:%S}Z")
    return tuple(found), f"data would be lost: {', '.join(losses)}" if losses else ""


def _is_open(case: Case, machine: Machine, volume: Volume) -> bool:
    """Whether nothing but the age of its snapshot is in the way."""
    if machine.recovery in (Recovery.PLACED, Recovery.SERVING) or machine.quarantined or machine.sealed is None:
        return False
    return proved_by(case.host, machine) != "" and not volume.superseded_by and not _restoring(case, volume.id)


def _rung(case: Case, params: RestoreVolumesParams, machine: Machine, tried: Operation | None) -> Effect | None:
    """The next rung for one machine; None while one is under way or nothing is left to say."""
    if machine.recovery in (Recovery.PLACED, Recovery.SERVING) or _copy_may_run(case, machine):
        return None
    if machine.quarantined:
        return _waiting(machine, stuck.QUARANTINED, machine.quarantined)
    if why := poisoned(case.fleet, machine, case.limits.poison):
        return Quarantine(machine.id, why)
    volume = case.fleet.volumes.get(machine.volumes[0])
    if volume is None:
        return _waiting(machine, stuck.VOLUME_UNKNOWN, f"volume {machine.volumes[0]} is not known")
    place = f"volume {volume.id} ({volume.name}) is on unreachable host {volume.host}"
    if machine.sealed is None:
        return _waiting(
            machine, stuck.NOT_RECOVERABLE, f"{place}: its full config is on its host alone, not marked recoverable"
        )
    if not proved_by(case.host, machine):
        return _waiting(machine, stuck.NO_PROOF, f"{place}: waits for proof that the host is off, or for the host")
    if volume.superseded_by and not _taken(case, machine, volume.superseded_by):
        return _recreate(case, machine, volume.superseded_by, tried)
    return _restore(case, params, machine, volume)


def _copies(case: Case, machine: Machine) -> list[Machine]:
    return [each for each in case.fleet.successors(machine) if each.alive]


def _copy_may_run(case: Case, machine: Machine) -> bool:
    """Whether its replacement was lost before it was heard of, without proof: what is waited for was said then."""
    return not all(never_ran(each, case.fleet.hosts.get(each.host)) for each in _copies(case, machine))


def _taken(case: Case, machine: Machine, volume_id: str) -> bool:
    """Whether that restored volume is lost with the replacement that was to mount it."""
    return any(volume_id in each.volumes for each in _copies(case, machine))


def _recreate(case: Case, machine: Machine, volume_id: str, tried: Operation | None) -> Effect | None:
    volume = case.fleet.volumes.get(volume_id)
    host = case.fleet.hosts.get(volume.host) if volume else None
    if volume is None or host is None or not host.takes_work:
        return _waiting(
            machine, stuck.TARGET_LOST, f"its restored volume {volume_id} is on a host that takes no work"
        )
    if tried is not None and tried.stage is Stage.FAILED:
        return _waiting(machine, stuck.FAILED, tried.error)
    return None if tried else Recreate(machine.id, machine.instance_id, case.epoch, (volume.id,), volume.host)


def _restore(case: Case, params: RestoreVolumesParams, machine: Machine, volume: Volume) -> Effect | None:
    if _restoring(case, volume.id):
        return None
    place = f"volume {volume.id} ({volume.name}) is on unreachable host {volume.host}"
    snapshot = _newest_good(case, volume)
    if snapshot is None:
        return _waiting(machine, stuck.NO_SNAPSHOT, f"{place}: it has no good snapshot")
    if case.now - snapshot.created_at > params.max_data_loss:
        taken = snapshot.created_at.isoformat(timespec="seconds")
        told = f"{place}: newest snapshot {snapshot.id} is of {taken}, older than allowed"
        return _waiting(machine, stuck.SNAPSHOT_OLD, told)
    return RestoreVolume(machine.id, volume.id, snapshot.id, volume.size_mb)


def _newest_good(case: Case, volume: Volume) -> Snapshot | None:
    """The newest snapshot whose restore has not failed; a bad one falls back to the one before."""

    restores = [op for op in case.fleet.operations.values() if op.args.get("supersedes") == volume.id]
    bad = {op.args["snapshot_id"] for op in restores if op.stage is Stage.FAILED}
    mine = [s for s in case.fleet.snapshots.values() if s.volume == volume.id and s.state == "created"]
    good = [snapshot for snapshot in mine if snapshot.id not in bad]
    return max(good, key=lambda snapshot: snapshot.created_at, default=None)


def _restoring(case: Case, volume_id: str) -> bool:
    return any(
        operation.open and operation.verb == "create_volume" and operation.args.get("supersedes") == volume_id
        for operation in case.fleet.operations.values()
    )


def _waiting(machine: Machine, word: str, reason: str) -> NoteRecovery | None:
    told = machine.recovery is Recovery.WAITING and machine.recovery_reason == reason
    return None if told else NoteRecovery(machine.id, Recovery.WAITING, reason, word)


RESTORE_VOLUMES = ActionSpec("restore_volumes", Kind.ADDITIVE, "host", RestoreVolumesParams, plan)
