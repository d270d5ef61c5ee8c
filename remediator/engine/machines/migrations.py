"""A migration, one step at a time: stop, copy the volumes, carry the config over, start, verify, free the source."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import LOST, HostStatus, Life
from remediator.model.machine import Machine, MachineState
from remediator.model.request import STOP_HANGS, Migration, MigrationStage, Operation, Origin, Stage

# A migration of which nothing has been heard for this long will not end by itself; a copy may take much longer.
STUCK_AFTER = timedelta(minutes=2)
STUCK_COPY_AFTER = timedelta(minutes=60)
# A wedged host's processes cannot end: a stop that takes longer than any stop does will not come to its end.
HANGS_AFTER = timedelta(minutes=1)


def advance(migration: Migration, fleet: Fleet, now: datetime) -> tuple[Migration, list[Operation]]:
    """The migration as it now stands, and operations to write down with it; the same value while it waits."""
    machine = fleet.machines.get(migration.machine)
    if machine is None or not machine.alive:
        return _ended(migration, now, "the machine is gone"), _cleaned(migration, now)
    switched = machine.host != migration.source
    failed = _failure(migration, fleet) or _source_lost(migration, fleet) or _hanging(migration, fleet, now)
    if failed and not switched:
        return _rolled_back(migration, fleet, failed, now)
    if _stuck(migration, fleet, now):
        if not switched:
            return _rolled_back(migration, fleet, "no progress", now)
        return migration.moved_to(MigrationStage.STUCK, now, "no progress: a person must look"), []
    match migration.stage:
        case MigrationStage.PLANNED:
            return migration.moved_to(MigrationStage.RESERVED, now), [_operation(migration, "stop", now)]
        case MigrationStage.RESERVED:
            return _copied(migration, machine, fleet, now)
        case MigrationStage.VERIFYING:
            return _verified(migration, machine, now)
        case _:
            # Copying and starting are moved on by the outcome of their operations.
            return migration, []


def given_up(migration: Migration, fleet: Fleet, why: str, now: datetime) -> tuple[Migration, list[Operation]] | None:
    """A migration that a person takes back; None once its machine lives on the target."""
    machine = fleet.machines.get(migration.machine)
    if not migration.open or machine is None or machine.host != migration.source:
        return None
    return _rolled_back(migration, fleet, why, now)


def _copied(migration: Migration, machine: Machine, fleet: Fleet, now: datetime) -> tuple[Migration, list[Operation]]:
    """Stopped: snapshot each volume, restore it on the target, then ask the source for the config."""
    if not _done(fleet, f"{migration.id}:stop"):
        return migration, []
    if migration.anew is not None:
        starting = _without_config(migration.moved_to(MigrationStage.STARTING, now))
        return starting, [create_on_target(migration, machine, asdict(migration.anew), now)]
    steps = [step for volume in machine.volumes for step in _volume_steps(migration, volume, fleet, now)]
    if steps or any(not _done(fleet, f"{migration.id}:volume:{volume}") for volume in machine.volumes):
        return migration, [step for step in steps if step.key not in fleet.operations]
    copies = {volume: copy_of(migration, volume) for volume in machine.volumes}
    copying = replace(migration.moved_to(MigrationStage.COPYING, now), volumes=copies)
    return copying, [_operation(migration, "export", now)]


def _volume_steps(migration: Migration, volume: str, fleet: Fleet, now: datetime) -> list[Operation]:
    taken, made = f"{migration.id}:snapshot:{volume}", f"{migration.id}:volume:{volume}"
    snapshot = _identifier("vs_", taken)
    known = fleet.volumes[volume]
    if not _done(fleet, taken):
        asked = {"volume_id": volume, "snapshot_id": snapshot, "migration": migration.id}
        return [Operation(taken, "snapshot", migration.source, asked, Origin.AUTOMATIC, now)]
    if _done(fleet, made):
        return []
    args: dict[str, Any] = {
        "volume_id": copy_of(migration, volume),
        "app": known.app,
        "name": known.name,
        "size_mb": known.size_mb,
        "snapshot_id": snapshot,
        "source_volume": volume,
        "migration": migration.id,
    }
    return [Operation(made, "create_volume", migration.target, args, Origin.AUTOMATIC, now)]


def copy_of(migration: Migration, volume: str) -> str:
    """The id of a volume's copy on the target."""
    return _identifier("vol_", f"{migration.id}:volume:{volume}")


def create_on_target(migration: Migration, machine: Machine, config: Mapping[str, Any], now: datetime) -> Operation:
    """The machine's create under its own id; ``config`` has it sealed for the target, with its digest.

    The machine keeps its instance and is started, unless ``config`` says otherwise.
    """
    args = {
        "machine_id": machine.id,
        "app": machine.app,
        "name": machine.name,
        "region": machine.region,
        "instance_id": config.get("instance_id", machine.instance_id),
        "sealed_config": config["sealed_config"],
        "digest": config["digest"],
        "volumes": [migration.volumes.get(volume, volume) for volume in machine.volumes],
        "start": config.get("start", True),
        "migration": migration.id,
    }
    return Operation(f"{migration.id}:create", "create", migration.target, args, migration.origin, now, machine.id)


def _without_config(migration: Migration) -> Migration:
    """Sent, or never to be sent: the config that was sealed for the target does not stay."""
    return replace(migration, anew=replace(migration.anew, sealed_config="")) if migration.anew else migration


def _verified(migration: Migration, machine: Machine, now: datetime) -> tuple[Migration, list[Operation]]:
    if machine.state is not MachineState.STARTED and (migration.anew is None or migration.anew.start):
        return migration, []
    return migration.moved_to(MigrationStage.DONE, now), [_freed(migration, now)]


def _freed(migration: Migration, now: datetime) -> Operation:
    """What is left on the source is to be gone."""
    args = {"machine_id": migration.machine, "migration": migration.id}
    key = f"{migration.id}:free"
    return Operation(key, "destroy", migration.source, args, migration.origin, now, migration.machine)


def _rolled_back(migration: Migration, fleet: Fleet, why: str, now: datetime) -> tuple[Migration, list[Operation]]:
    """Before the switch the machine belongs to the source: it is started there again, once the source is back.

    Only we have stopped it: left so, it would take its place on its host's return and serve nobody.
    """
    source = fleet.hosts.get(migration.source)
    gone = source is None or source.life is Life.RETIRED or migration.stage is MigrationStage.PLANNED
    again = [_operation(migration, "start", now)] if migration.stops and not gone else []
    return _ended(migration, now, why), [*again, *_cleaned(migration, now)]


def _cleaned(migration: Migration, now: datetime) -> list[Operation]:
    """What may have arrived on the target is to be gone, whenever the target can be told.

    Once it has moved, its own destroy ends it there; on the source it is gone as after any move.
    """
    if migration.stage is MigrationStage.VERIFYING:
        return [_freed(migration, now)]
    if migration.stage is not MigrationStage.STARTING:
        return []
    args = {"machine_id": migration.machine, "migration": migration.id}
    key = f"{migration.id}:undo"
    return [Operation(key, "destroy", migration.target, args, migration.origin, now, migration.machine)]


def _ended(migration: Migration, now: datetime, why: str) -> Migration:
    return _without_config(migration.moved_to(MigrationStage.ROLLED_BACK, now, why))


def _source_lost(migration: Migration, fleet: Fleet) -> str:
    source = fleet.hosts.get(migration.source)
    return f"source {migration.source} was lost" if source is None or source.life in LOST else ""


def _hanging(migration: Migration, fleet: Fleet, now: datetime) -> str:
    """Why its stop will not end: its host's disks do not answer."""
    stop = fleet.operations.get(f"{migration.id}:stop")
    verdict = fleet.verdicts.get(migration.source)
    if stop is None or not stop.open or verdict is None or verdict.kind is not VerdictKind.WEDGED:
        return ""
    return STOP_HANGS if now - stop.written_at > HANGS_AFTER else ""


def _stuck(migration: Migration, fleet: Fleet, now: datetime) -> bool:
    mine = [op for op in fleet.operations.values() if op.args.get("migration") == migration.id]
    last = max([op.written_at for op in mine] + [migration.moved_at or migration.asked_at])
    return now - last > (STUCK_COPY_AFTER if any(op.open for op in mine) else STUCK_AFTER)


def _failure(migration: Migration, fleet: Fleet) -> str:
    target = fleet.hosts.get(migration.target)
    if target is None or target.status is HostStatus.UNREACHABLE:
        return f"target {migration.target} was lost"
    mine = [op for op in fleet.operations.values() if op.args.get("migration") == migration.id]
    return next((op.error for op in mine if op.stage is Stage.FAILED), "")


def _done(fleet: Fleet, key: str) -> bool:
    operation = fleet.operations.get(key)
    return operation is not None and operation.stage is Stage.DONE


def _operation(migration: Migration, verb: str, now: datetime) -> Operation:
    args = {"machine_id": migration.machine, "migration": migration.id}
    if verb == "export":
        args["target"] = migration.target
    key = f"{migration.id}:{verb}"
    return Operation(key, verb, migration.source, args, migration.origin, now, migration.machine)


def _identifier(prefix: str, seed: str) -> str:
    return prefix + hashlib.blake2b(seed.encode(), digest_size=8).hexdigest()
