"""What follows when an operation ends: rows, and for a migration the next operation."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.engine.machines.migrations import create_on_target
from remediator.model.host import LOST, Host
from remediator.model.machine import Event, Machine, MachineState, Recovery, Snapshot, Volume
from remediator.model.request import (
    Destroy,
    DestroyStage,
    Migration,
    MigrationStage,
    Operation,
    Stage,
)
from remediator.model.stuck import FAILED
from remediator.runtime.agents.absorb import absorb_absent, absorb_machines, detach
from remediator.runtime.effects.fencing import fence_done, fence_failed
from remediator.runtime.effects.retries import given_up, wait_after
from remediator.runtime.ledger import Draft
from remediator.runtime.machines import lending
from remediator.runtime.machines.life_ends import RECONFIGURE, anew, not_reconfigured, reconfigured
from remediator.runtime.machines.standing_in import at_rest, not_started
from remediator.runtime.machines.volume_ends import volume_failed, volume_succeeded

Value = dict[str, Any]


def succeeded(operation: Operation, value: Value, draft: Draft, now: datetime) -> None:
    """Record the end of an operation and all that follows from its value."""
    # A config sealed for a target has served its purpose; it does not stay.
    draft.put(replace(operation, stage=Stage.DONE, args=_without_config(operation), error=""))
    match operation.verb:
        case _ if "record" in value and operation.machine:
            # Whatever was done to a machine, this is how it stands.
            _recorded(operation, value["record"], draft, now)
        case "destroy":
            absorb_absent(draft, operation.host, [operation.machine], now)
        case "create_volume":
            _volume_made(operation, draft, now)
        case "snapshot":
            _snapshot_taken(operation, value["snapshot"], draft)
        case "export":
            _exported(operation, value, draft, now)
        case "provision" | lending.VERB:
            lending.answered(operation, value, draft, now)
        case "power_off" | "fence_host" | "unfence_host":
            fence_done(operation, value, draft, now)
        case _:
            volume_succeeded(operation, value, draft, now)


def failed(operation: Operation, text: str, draft: Draft, now: datetime) -> None:
    """Record that an operation never will succeed, and give back what it held."""
    draft.put(replace(operation, stage=Stage.FAILED, error=text, args=_without_config(operation)))
    draft.note(now, "failed", operation.machine or operation.host, {"key": operation.key, "text": text})
    match operation.verb:
        case "create" | "update" | "set_metadata" if "migration" not in operation.args:
            _not_made(operation, text, draft, now)
        case "create_volume":
            made = draft.get(Volume, operation.args["volume_id"])
            if made:
                draft.delete(made)
        case "provision" | lending.VERB:
            lending.denied(operation, text, draft, now)
        case "destroy":
            destroy = draft.get(Destroy, operation.machine)
            if destroy and destroy.stage is DestroyStage.SENT:
                draft.put(destroy.moved_to(DestroyStage.BLOCKED, now))
        case "power_off" | "fence_host":
            fence_failed(operation, text, draft, now)
        case _:
            not_started(operation, text, draft, now)
            volume_failed(operation, draft)


def _without_config(operation: Operation) -> Value:
    return {name: held for name, held in operation.args.items() if name != "sealed_config"}


def postponed(operation: Operation, text: str, draft: Draft, now: datetime, *, uncertain: bool = False) -> bool:
    """Transient: the same key again, later each time; or given up, whatever the verb's pace says.

    ``uncertain`` leaves it marked as sent, so that it is observed before it is sent again. False: it has failed.
    """
    attempts = operation.attempts + 1
    # What was changed while it flew (an owner took it over) stands.
    known = draft.get(Operation, operation.key) or operation
    if given_up(operation.verb, attempts):
        failed(known, f"given up after {attempts} tries: {text}", draft, now)
        return False
    stage = Stage.SENT if uncertain else Stage.WRITTEN
    later = now + wait_after(operation.verb, attempts)
    draft.put(replace(known, attempts=attempts, not_before=later, error=text, stage=stage))
    return True


def _recorded(operation: Operation, record: Value, draft: Draft, now: datetime) -> None:
    migration = draft.get(Migration, operation.args.get("migration", ""))
    machine = draft.get(Machine, operation.machine)
    arrived = operation.verb == "create" and migration and migration.stage is MigrationStage.STARTING
    # One that is condemned meanwhile is undone there: its destroy is of the host that it was on.
    if migration and machine and arrived and machine.alive:
        # The switch: from here on the machine lives on the target.
        moved = replace(machine, host=migration.target, volumes=tuple(operation.args["volumes"]))
        if migration.anew:
            moved = anew(moved, migration.anew, draft, now)
        text = f"migrated from {migration.source} to {migration.target}"
        draft.put(moved.noted(Event(now, "launch", "created", "flyd", text)))
        draft.put(migration.moved_to(MigrationStage.VERIFYING, now))
        for old_id, new_id in migration.volumes.items():
            _switch(draft, old_id, new_id, machine.id)
    absorb_machines(draft, operation.host, [record], now)
    reconfigured(operation, record, draft)
    at_rest(operation, draft)


def _volume_made(operation: Operation, draft: Draft, now: datetime) -> None:
    made = draft.get(Volume, operation.args["volume_id"]) or _copy(operation, draft, now)
    if made:
        draft.put(replace(made, state="created"))
    old = draft.get(Volume, operation.args.get("supersedes", ""))
    if old and _lost(draft, old.host):
        # An original that came back while its copy was made keeps its own volume.
        draft.put(replace(old, superseded_by=operation.args["volume_id"]))


def _lost(draft: Draft, host: str) -> bool:
    known = draft.get(Host, host)
    return known is None or known.life in LOST


def _copy(operation: Operation, draft: Draft, now: datetime) -> Volume | None:
    """A migration's copy; until the switch it is the superseded one."""
    old = draft.get(Volume, operation.args.get("source_volume", ""))
    if old is None or "migration" not in operation.args:
        return None
    made = replace(old, id=operation.args["volume_id"], host=operation.host, created_at=now, superseded_by=old.id)
    return replace(made, machine="", used_bytes=0, restored_from=operation.args["snapshot_id"])


def _switch(draft: Draft, old_id: str, new_id: str, machine: str) -> None:
    old, new = draft.get(Volume, old_id), draft.get(Volume, new_id)
    if old and new:
        draft.put(replace(old, machine="", superseded_by=new_id), replace(new, machine=machine, superseded_by=""))


def _snapshot_taken(operation: Operation, told: Value, draft: Draft) -> None:
    at = datetime.fromisoformat(told["created_at"])
    taken = Snapshot(told["id"], told["volume"], told["app"], at, int(told["size_bytes"]), told["digest"])
    volume = draft.get(Volume, taken.volume)
    if volume:
        taken = replace(taken, retention_days=volume.retention_days, volume_mb=volume.size_mb)
    draft.put(replace(taken, host=operation.host))


def _exported(operation: Operation, value: Value, draft: Draft, now: datetime) -> None:
    """The source gave the config, sealed for the target: the create can be written down."""
    migration = draft.get(Migration, operation.args["migration"])
    machine = draft.get(Machine, operation.machine)
    if migration is None or machine is None or migration.stage is not MigrationStage.COPYING:
        return
    draft.put(create_on_target(migration, machine, value, now))
    draft.put(migration.moved_to(MigrationStage.STARTING, now))


def _not_made(operation: Operation, text: str, draft: Draft, now: datetime) -> None:
    machine = draft.get(Machine, operation.machine)
    if operation.verb in RECONFIGURE:
        not_reconfigured(operation, text, draft, now)
        return
    if machine is None:
        return
    draft.put(replace(machine, state=MachineState.DESTROYED).noted(Event(now, "launch", "failed", "agent", text)))
    detach(draft, machine)
    original = draft.get(Machine, machine.replaces)
    if original:
        draft.put(original.without(machine.id).recovering(Recovery.HELD, text, now, word=FAILED))
