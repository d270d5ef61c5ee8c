"""restore_volumes: the volume ladder of a dead host's machines, up to the newest good snapshot."""

from datetime import timedelta
from typing import Literal

import pydantic

from remediator.actions.effects import Effect, NoteRecovery, Recreate, RestoreVolume
from remediator.actions.fields import Duration
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.host import Fence
from remediator.model.machine import Machine, Recovery, Snapshot, Volume
from remediator.model.policy import Kind
from remediator.model.request import Stage


class RestoreVolumesParams(Params):
    """``max_data_loss`` is the age up to which the newest snapshot is used without asking."""

    needs: Literal["fence_proof"] = "fence_proof"
    max_data_loss: Duration = pydantic.Field(default=timedelta(0))
    otherwise: Literal["ask", "wait"] = "ask"


def plan(case: Case, params: RestoreVolumesParams) -> Planned:
    lost = [m for m in case.fleet.machines_on(case.target) if m.alive and m.volumes and not m.adopted]
    effects = [wish for machine in lost if (wish := _rung(case, params, machine))]
    pending = [m for m in lost if m.recovery in (Recovery.NONE, Recovery.PLACED)]
    restoring = [m for m in lost if any(_restoring(case, volume) for volume in m.volumes)]
    waiting = pending or restoring
    return Planned(tuple(effects), f"{len(waiting)} machines with volumes not settled yet" if waiting else "")


def _rung(case: Case, params: RestoreVolumesParams, machine: Machine) -> Effect | None:
    """The next rung for one machine; None while one is under way or nothing is left to say."""
    if machine.recovery in (Recovery.PLACED, Recovery.SERVING):
        return None
    volume = case.fleet.volumes.get(machine.volumes[0])
    if volume is None:
        return _waiting(machine, f"volume {machine.volumes[0]} is not known")
    if volume.superseded_by:
        return _recreate(case, machine, case.fleet.volumes.get(volume.superseded_by))
    return _restore(case, params, machine, volume)


def _recreate(case: Case, machine: Machine, volume: Volume | None) -> Effect | None:
    if volume is None or machine.sealed is None:
        return _waiting(machine, "its full config is on its host alone: not marked recoverable")
    wish = Recreate(machine.id, machine.instance_id, case.epoch, (volume.id,), volume.host)
    operation = case.fleet.operations.get(wish.key)
    if operation is not None and operation.stage is Stage.FAILED:
        return _waiting(machine, operation.error)
    return None if operation is not None else wish


def _restore(case: Case, params: RestoreVolumesParams, machine: Machine, volume: Volume) -> Effect | None:
    place = f"volume {volume.id} ({volume.name}) is on unreachable host {volume.host}"
    if case.host is None or case.host.fence is not Fence.PROVED:
        return _waiting(machine, f"{place}: waits for proof that the host is off, or for the host")
    snapshot = _newest_good(case, volume)
    if snapshot is None:
        return _waiting(machine, f"{place}: it has no good snapshot")
    age = case.now - snapshot.created_at
    if age > params.max_data_loss:
        return _waiting(
            machine, f"{place}: newest snapshot {snapshot.id} would lose {int(age.total_seconds())} s: ask"
        )
    wish = RestoreVolume(machine.id, volume.id, snapshot.id, volume.size_mb)
    return None if wish.key in case.fleet.operations else wish


def _newest_good(case: Case, volume: Volume) -> Snapshot | None:
    """The newest snapshot whose restore has not failed; a bad one falls back to the one before."""

    def bad(snapshot: Snapshot) -> bool:
        tried = case.fleet.operations.get(f"restore:{volume.id}:{snapshot.id}")
        return tried is not None and tried.stage is Stage.FAILED

    good = [s for s in case.fleet.snapshots.values() if s.volume == volume.id and s.state == "created" and not bad(s)]
    return max(good, key=lambda snapshot: snapshot.created_at, default=None)


def _restoring(case: Case, volume_id: str) -> bool:
    return any(
        operation.open and operation.verb == "create_volume" and operation.args.get("supersedes") == volume_id
        for operation in case.fleet.operations.values()
    )


def _waiting(machine: Machine, reason: str) -> NoteRecovery | None:
    told = machine.recovery is Recovery.WAITING and machine.recovery_reason == reason
    return None if told else NoteRecovery(machine.id, Recovery.WAITING, reason)


RESTORE_VOLUMES = ActionSpec("restore_volumes", Kind.ADDITIVE, "host", RestoreVolumesParams, plan)
