"""Another configuration for a machine where it is: what is refused, and what is written down."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.engine.machines.refusals import precondition
from remediator.model.asks import MetadataAsk, UpdateAsk
from remediator.model.enrolment import Enrolment
from remediator.model.errors import PermanentError
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity
from remediator.model.machine import Event, Machine
from remediator.model.request import Operation, Origin
from remediator.runtime import names
from remediator.runtime.ledger import Draft
from remediator.runtime.machines.life_ends import VERSION
from remediator.wire.keys import parse_box_key
from remediator.wire.scrub import scrubbed
from remediator.wire.sealing import digest, seal_config


def check(machine: Machine, ask: UpdateAsk) -> None:
    """Nothing when the machine can be what is asked for.

    Raises:
        Refused: another version, region or volume.
    """
    _same_version(machine, ask.current_version)
    if ask.region not in ("", machine.region):
        raise precondition(f"machine {machine.id} is in {machine.region} and cannot be updated into {ask.region}")
    if _mounted(ask.config) != list(machine.volumes):
        raise precondition(f"machine {machine.id} cannot change its volumes: destroy it and create another")


def fits(machine: Machine, ask: UpdateAsk, fleet: Fleet) -> bool:
    """Whether its host has room for what it is to be more than it is."""
    more = configured(machine, ask.config).asks - machine.asks
    free = fleet.free_on(fleet.hosts[machine.host])
    return Capacity(max(0.0, more.cpus), max(0, more.memory_mb)).fits(_at_least_nothing(free))


def update(machine: Machine, ask: UpdateAsk, draft: Draft, now: datetime, sequence: int) -> Operation:
    """The operation, put into the draft with the room that it takes, and with the version that it ends."""
    agent = draft.get(Enrolment, f"agent/{machine.host}")
    if agent is None:
        raise PermanentError(f"{machine.host} is not enrolled")
    instance = names.instance_id(f"{machine.id}/{now.isoformat()}/{sequence}")
    args = {
        "machine_id": machine.id,
        "instance_id": instance,
        "sealed_config": seal_config(ask.config, parse_box_key(agent.box_key)),
        "digest": digest(ask.config),
        "start": ask.start,
        "was": machine.config,
    }
    operation = Operation(
        f"update:{machine.id}:{instance}", "update", machine.host, args, Origin.OWNER, now, machine.id
    )
    draft.note(now, VERSION, machine.id, {"version": machine.instance_id, "config": machine.config})
    event = Event(now, "update", "updating", "user", instance)
    draft.put(operation, configured(machine, ask.config).noted(event))
    return operation


def metadata(machine: Machine, ask: MetadataAsk) -> dict[str, str]:
    """All of its metadata, as it is to be.

    Raises:
        Refused: it has been changed since the caller looked.
    """
    _same_version(machine, ask.version)
    if ask.updated_at and ask.updated_at != machine.updated_at:
        raise precondition(f"machine {machine.id} was changed since {ask.updated_at.isoformat()}")
    known = {} if ask.whole else machine.config.get("metadata") or {}
    return {key: value for key, value in {**known, **ask.changes}.items() if value is not None}


def set_metadata(
    machine: Machine,
    wanted: dict[str, str],
    full: dict[str, Any] | None,
    draft: Draft,
    now: datetime,
    sequence: int,
) -> Operation:
    """The operation, put into the draft; who reads from now on reads the new metadata."""
    args = {
        "machine_id": machine.id,
        "metadata": wanted,
        "was": machine.config,
        # Whoever has another config than was asked for is found out; where mounts were restored, nobody can tell.
        "digest": digest({**full, "metadata": wanted}) if full and digest(full) == machine.digest else "",
    }
    key = f"metadata:{machine.id}:{now.isoformat()}:{sequence}"
    operation = Operation(key, "set_metadata", machine.host, args, Origin.OWNER, now, machine.id)
    draft.put(operation, replace(machine, config={**machine.config, "metadata": wanted}, updated_at=now))
    return operation


def configured(machine: Machine, config: dict[str, Any]) -> Machine:
    """The machine as it is known of once it has that full config."""
    return replace(machine, config=scrubbed(config))


def _same_version(machine: Machine, version: str) -> None:
    if version and version != machine.instance_id:
        raise precondition(f"machine {machine.id} has version {machine.instance_id}, not {version}")


def _mounted(config: dict[str, Any]) -> list[str]:
    return [str(mount.get("volume", "")) for mount in config.get("mounts") or []]


def _at_least_nothing(free: Capacity) -> Capacity:
    """A host that is full, or more than full, still has room for a machine that does not grow."""
    return Capacity(max(0.0, free.cpus), max(0, free.memory_mb), max(0, free.disk_mb))
