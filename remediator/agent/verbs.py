"""The verbs an agent obeys: one line each in ``VERBS``, one small function each above it.

Each is harmless when it is done twice: a command that was cut off is sent again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from remediator.agent.files import parse_files, parse_guest_path
from remediator.agent.machines import Machines
from remediator.agent.readers import Named
from remediator.agent.record import MachineRecord
from remediator.agent.restart import stop_signal, stop_timeout
from remediator.agent.sandbox import has_command, image_name, parse_command
from remediator.agent.snapshots import checked_name
from remediator.agent.standing import Standing
from remediator.agent.volumes import Volumes
from remediator.clock import Clock
from remediator.model.errors import FleetmendError, PermanentError
from remediator.model.machine import Sealed
from remediator.model.request import Origin
from remediator.wire.keys import parse_box_key
from remediator.wire.messages import Command
from remediator.wire.sealing import digest, envelope, open_config, seal_config, sealed_for

Value = dict[str, Any]
_Args = TypeVar("_Args")


@dataclass(frozen=True, slots=True)
class Keys:
    """This agent's own keys, and whom its recoverable configs are sealed for."""

    box: PrivateKey
    signing: SigningKey
    named: Named


@dataclass(frozen=True, slots=True)
class Hands:
    """What verbs act with."""

    name: str
    keys: Keys
    standing: Standing
    machines: Machines
    volumes: Volumes
    clock: Clock


@dataclass(frozen=True, slots=True)
class CreateArgs:
    machine_id: str
    app: str
    name: str
    region: str
    instance_id: str
    sealed_config: str
    digest: str
    volumes: tuple[str, ...] = ()
    start: bool = True


@dataclass(frozen=True, slots=True)
class MachineArgs:
    machine_id: str
    signal: str | int | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class ExportArgs:
    machine_id: str
    target_key: str


@dataclass(frozen=True, slots=True)
class CreateVolumeArgs:
    volume_id: str
    app: str
    name: str
    size_mb: int
    snapshot_id: str | None = None


@dataclass(frozen=True, slots=True)
class ExtendVolumeArgs:
    volume_id: str
    size_mb: int


@dataclass(frozen=True, slots=True)
class VolumeArgs:
    volume_id: str


@dataclass(frozen=True, slots=True)
class DropSnapshotArgs:
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class SnapshotArgs:
    volume_id: str
    snapshot_id: str


async def create(hands: Hands, command: Command) -> Value:
    """All or nothing: what cannot be started is not left behind."""
    args = parse_args(command, CreateArgs)
    known = hands.machines.records.get(args.machine_id)
    if known and known.instance_id == args.instance_id:
        return {"record": known.told()}
    if known:
        raise PermanentError(f"machine {args.machine_id} is here already, with another configuration")
    record = await hands.machines.admit(replace(_record(hands, args), made_by=command.origin.value))
    if not args.start:
        return {"record": record.told()}
    try:
        started = await hands.machines.start(record.id)
    except FleetmendError:
        await hands.machines.destroy(record.id)
        raise
    return {"record": started.told()}


async def start(hands: Hands, command: Command) -> Value:
    machine = parse_args(command, MachineArgs).machine_id
    if command.origin is not Origin.AUTOMATIC:
        await hands.standing.let_off(machine)
    record = await hands.machines.start(machine)
    return {"record": record.told()}


async def stop(hands: Hands, command: Command) -> Value:
    return {"record": (await _stopped(hands, parse_args(command, MachineArgs))).told()}


async def restart(hands: Hands, command: Command) -> Value:
    args = parse_args(command, MachineArgs)
    await _stopped(hands, args)
    return {"record": (await hands.machines.start(args.machine_id)).told()}


async def destroy(hands: Hands, command: Command) -> Value:
    await hands.machines.destroy(checked_name(parse_args(command, MachineArgs).machine_id))
    return {"absent": True}


async def export(hands: Hands, command: Command) -> Value:
    """The full config, for another agent's eyes only."""
    args = parse_args(command, ExportArgs)
    record = hands.machines.known(args.machine_id)
    return {"sealed_config": seal_config(record.config, parse_box_key(args.target_key)), "digest": record.digest}


async def create_volume(hands: Hands, command: Command) -> Value:
    args = parse_args(command, CreateVolumeArgs)
    record = await hands.volumes.create(
        args.volume_id, app=args.app, name=args.name, size_mb=args.size_mb, snapshot=args.snapshot_id
    )
    return {"volume": record.told()}


async def destroy_volume(hands: Hands, command: Command) -> Value:
    """Only people destroy volumes: no automatic act ever does."""
    args = parse_args(command, VolumeArgs)
    if command.origin is Origin.AUTOMATIC:
        raise PermanentError(f"volume {args.volume_id}: no automatic act destroys a volume")
    await hands.volumes.destroy(args.volume_id)
    return {"absent": True}


async def extend_volume(hands: Hands, command: Command) -> Value:
    args = parse_args(command, ExtendVolumeArgs)
    holder = hands.machines.records.get(await hands.volumes.extend(args.volume_id, args.size_mb))
    return {"needs_restart": holder is not None and bool(holder.running)}


async def drop_snapshot(hands: Hands, command: Command) -> Value:
    args = parse_args(command, DropSnapshotArgs)
    if command.origin is Origin.AUTOMATIC:
        raise PermanentError(f"snapshot {args.snapshot_id}: no automatic act destroys a snapshot")
    await hands.volumes.drop_snapshot(args.snapshot_id)
    return {}


async def snapshot(hands: Hands, command: Command) -> Value:
    args = parse_args(command, SnapshotArgs)
    taken = await hands.volumes.snapshot(args.volume_id, args.snapshot_id, hands.machines.pause)
    return {"snapshot": taken.told()}


Verb = Callable[[Hands, Command], Awaitable[Value]]
VERBS: dict[str, Verb] = {
    "create": create,
    "start": start,
    "stop": stop,
    "restart": restart,
    "destroy": destroy,
    "export": export,
    "create_volume": create_volume,
    "destroy_volume": destroy_volume,
    "extend_volume": extend_volume,
    "drop_snapshot": drop_snapshot,
    "snapshot": snapshot,
}


def subject(command: Command) -> str:
    """The machine or volume a command is about: one thing at a time happens to each."""
    return str(command.args.get("machine_id") or command.args.get("volume_id") or "")


async def _stopped(hands: Hands, args: MachineArgs) -> MachineRecord:
    config = hands.machines.known(args.machine_id).config
    number, timeout = stop_signal(config, args.signal), stop_timeout(config, args.timeout_s)
    return await hands.machines.stop(args.machine_id, number, timeout)


def _record(hands: Hands, args: CreateArgs) -> MachineRecord:
    config = open_config(args.sealed_config, hands.keys.box)
    if digest(config) != args.digest:
        raise PermanentError(f"the config of machine {args.machine_id} is not the one its digest says")
    check_config(config, args.machine_id, args.volumes or _mounted(config))
    record = MachineRecord(
        id=checked_name(args.machine_id), app=args.app, name=args.name, region=args.region,
        instance_id=args.instance_id, digest=args.digest, created_at=hands.clock.now(), config=config,
        volumes=args.volumes or _mounted(config), desired="started" if args.start else "stopped",
    )  # fmt: skip
    return replace(record, sealed=envelope_of(hands, record)) if record.recoverable else record


def envelope_of(hands: Hands, record: MachineRecord) -> Sealed:
    return envelope(
        record.config, machine=record.id, instance_id=record.instance_id, host=hands.name,
        epoch=hands.standing.epoch, to=hands.keys.named.readers, signer=hands.keys.signing,
    )  # fmt: skip


async def reseal(hands: Hands) -> None:
    """Every recoverable config that is closed for others than whom an operator has named since."""
    for machine in list(hands.machines.records):
        async with hands.machines.turn(machine):
            record = hands.machines.records.get(machine)
            if record and record.recoverable and not sealed_for(record.sealed, hands.keys.named.readers):
                await hands.machines.keep(replace(record, sealed=envelope_of(hands, record)))


def check_config(config: dict[str, Any], machine: str, volumes: tuple[str, ...]) -> None:
    """Say what is wrong with a config before anything is done for it.

    Raises:
        PermanentError: no command, a path that leads out, or other mounts than volumes.
    """
    mounts = config.get("mounts") or []
    if has_command(config) or not image_name(config):
        # What an image stands for, each host knows for itself, when it starts it.
        parse_command(config)
    parse_files(config)
    stop_signal(config)
    for mount in mounts:
        parse_guest_path(mount.get("path"))
    if len(volumes) != len(mounts):
        raise PermanentError(f"machine {machine} has {len(mounts)} mounts and other volumes for them")


def _mounted(config: dict[str, Any]) -> tuple[str, ...]:
    named = (str(mount.get("volume") or "") for mount in config.get("mounts") or [])
    return tuple(volume for volume in named if volume)


def parse_args(command: Command, kind: type[_Args]) -> _Args:
    """A command's arguments; PermanentError when one is missing or of the wrong kind."""
    try:
        return msgspec.convert(command.args, kind)
    except msgspec.ValidationError as error:
        raise PermanentError(f"{command.verb}: {error}") from None
