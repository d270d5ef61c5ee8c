"""What agents tell, folded into what we know: agents have authority for what runs, the journal for what should."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from remediator.engine.evidence.identity import newborn
from remediator.model.check import Check
from remediator.model.host import Capacity, Host, Identity, Life
from remediator.model.layered import picked
from remediator.model.machine import LOST_EVENT, Event, Machine, MachineState, Recovery, Sealed, Volume
from remediator.model.request import Destroy, DestroyStage, Operation, Origin
from remediator.runtime.effects.written import condemn
from remediator.runtime.ledger import Draft
from remediator.wire.scrub import scrubbed

Message = dict[str, Any]
Known = tuple[Mapping[str, Machine], Mapping[str, Operation]]

_ENDED = frozenset({MachineState.STOPPED, MachineState.FAILED})


class Hello(msgspec.Struct):
    """An agent's first word in a session; shapes are checked here and nowhere later."""

    name: str
    boot_id: str
    version: str
    region: str
    rack: str
    capacity: Capacity
    address: str
    agent_port: int
    exporter_port: int
    identity: Identity = Identity()
    role: str = "worker"
    provider: str = ""
    labels: dict[str, str] = {}
    machines: list[Message] = []
    volumes: list[Message] = []
    # Agents of before tell none of these.
    highest: tuple[str, int, int] = ("", 0, 0)
    began: str = ""
    mark: str = ""
    epoch: int = 0
    peers: list[str] = []


class Record(msgspec.Struct):
    """What an agent says of one machine; the full config in it is for the cache alone."""

    id: str
    app: str
    name: str
    region: str
    instance_id: str
    state: MachineState
    scrubbed: Message
    digest: str
    sealed: Sealed | None = None
    volumes: tuple[str, ...] = ()
    port: int | None = None
    exit_code: int | None = None
    checks: tuple[Check, ...] = ()
    # It has ended by itself and for good.
    over: bool = False


def greeted_host(known: Host | None, hello: Hello, now: datetime) -> Host:
    """The host after its agent said hello: new, returning from the dead or from a reboot, or just reconnected."""
    began = known.epoch + 1 if known else 1
    # The name is what was to be cut off: whoever has it now is to be let go as well.
    owed = known.cut_off_in if known else 0
    blank = Host(hello.name, hello.region, hello.rack, since=now, status_since=now, epoch=began, cut_off_in=owed)
    host = blank if known is None or newborn(known, hello.identity) else known
    rebooted = bool(host.boot_id) and host.boot_id != hello.boot_id
    if host.life is Life.DEAD or (rebooted and host.life not in (Life.RETURNING, Life.RETIRED)):
        host = host.moved_to(Life.RETURNING, now=now, reason="rebooted" if rebooted else "its network came back")
    return replace(
        host,
        address=hello.address,
        agent_port=hello.agent_port,
        exporter_port=hello.exporter_port,
        capacity=hello.capacity,
        identity=host.identity.told(hello.identity),
        boot_id=hello.boot_id,
        version=hello.version,
        labels=hello.labels,
        provider=hello.provider or host.provider,
        joined=True,
        epoch=max(1, host.epoch),
    )


def absorb_machines(draft: Draft, host: str, records: list[Message], now: datetime) -> None:
    """Take over what a host says of its machines; unknown ones are adopted and held, never destroyed.

    A record that cannot be read is told and passed over: one of them must not take a whole host out of our hands.
    """
    for message in records:
        try:
            record = msgspec.convert(message, Record)
        except msgspec.ValidationError as error:
            draft.note(now, "unreadable", host, {"text": f"a machine record that cannot be read: {error}"})
            continue
        _absorb(draft, host, record, now)


def _absorb(draft: Draft, host: str, record: Record, now: datetime) -> None:
    known = draft.get(Machine, record.id)
    if known is None:
        draft.put(_adopted(host, record, now))
    elif known.host == host and known.state is MachineState.DESTROYED:
        _undead(draft, known, record, now)
    elif known.host == host:
        draft.put(_told(known, record, now))
        if record.over and record.scrubbed.get("auto_destroy") is True and not known.adopted:
            condemn(draft, record.id, "it has ended, and its config says auto_destroy", now, Origin.OWNER)


def _undead(draft: Draft, machine: Machine, record: Record, now: datetime) -> None:
    """Told destroyed, and there again: its destroy is not over."""
    if record.state is not MachineState.DESTROYED:
        why = machine.condemned_why or "was destroyed, and is there again"
        # Whoever wanted it gone still does: what an owner asked for waits for no gate and no ceiling.
        before = draft.get(Destroy, machine.id)
        origin = before.origin if before else Origin.AUTOMATIC
        draft.put(Destroy(machine.id, machine.app, machine.host, origin, why, now))
        draft.put(replace(machine, state=MachineState.DESTROYING))


def _told(machine: Machine, record: Record, now: datetime) -> Machine:
    told = replace(
        machine,
        instance_id=record.instance_id,
        # Once more by our own list: its host's may be of before.
        config=machine.config if record.scrubbed == machine.config else scrubbed(record.scrubbed),
        # The digest of the create stands; what a host says later cannot change what was asked for.
        digest=machine.digest or record.digest,
        sealed=record.sealed,
        port=record.port or 0,
        volumes=record.volumes,
        checks=record.checks,
    )
    state = record.state
    # Another instance has started, even where it was too quick for anybody to see the one before it stop.
    anew = state is MachineState.STARTED and record.instance_id != machine.instance_id
    gone = machine.state is MachineState.DESTROYING or state is MachineState.DESTROYED
    if gone or (state is machine.state and not anew):
        return told
    code = record.exit_code if state in _ENDED else None
    return replace(told, state=state).noted(Event(now, state.value, state.value, "agent", exit_code=code))


def _adopted(host: str, record: Record, now: datetime) -> Machine:
    blank = Machine(
        record.id, record.app, record.name, record.region, host, record.instance_id, now, now, adopted=True
    )
    event = Event(now, "adopted", "held", "fleetmend", "runs on its host but is not ours: held, never destroyed")
    return _told(blank, record, now).noted(event)


def absorb_absent(draft: Draft, host: str, gone: list[str], now: datetime) -> None:
    """Machines that the identity which held them no longer has."""
    for machine_id in gone:
        machine, destroy = draft.get(Machine, machine_id), draft.get(Destroy, machine_id)
        if machine is None or machine.host != host:
            continue
        if destroy and destroy.open:
            draft.put(destroy.moved_to(DestroyStage.VERIFIED_ABSENT, now))
            draft.note(now, "destroyed", machine_id, {"host": host, "origin": destroy.origin, "why": destroy.reason})
            detach(draft, machine)
            ended = replace(machine, state=MachineState.DESTROYED)
            draft.put(ended.noted(Event(now, "destroy", "destroyed", "agent", destroy.reason)))


def detach(draft: Draft, machine: Machine) -> None:
    """Its volumes are free again."""
    for volume_id in machine.volumes:
        volume = draft.get(Volume, volume_id)
        if volume and volume.machine == machine.id:
            draft.put(replace(volume, machine=""))


def absorb_missing(draft: Draft, host: str, told: set[str], known: Known, now: datetime) -> None:
    """After a hello: what we thought was there and is not, unless its create is still in the outbox."""
    machines, operations = known
    coming = {operation.machine for operation in operations.values() if operation.open and operation.verb == "create"}
    for machine in list(machines.values()):
        if machine.host != host or machine.id in told or machine.state is MachineState.DESTROYED:
            continue
        destroy = draft.get(Destroy, machine.id)
        if destroy and destroy.open:
            absorb_absent(draft, host, [machine.id], now)
        elif machine.id not in coming:
            lost = replace(machine, state=MachineState.FAILED)
            draft.put(lost.noted(Event(now, LOST_EVENT, "failed", "agent", "its host no longer has it")))


def absorb_volumes(draft: Draft, host: str, told: list[Message]) -> None:
    for message in told:
        volume = draft.get(Volume, str(message.get("id", "")))
        if volume and volume.host == host:
            draft.put(replace(volume, used_bytes=int(message.get("used_bytes", 0))))


def serving(draft: Draft, originals: Mapping[str, Machine], now: datetime) -> None:
    """Originals whose replacement runs: their recovery is complete."""
    for original in picked(originals, "recovery", Recovery.PLACED):
        replacement, seen = draft.get(Machine, original.replaced_by), {original.id}
        while replacement and replacement.state is not MachineState.STARTED and replacement.id not in seen:
            seen.add(replacement.id)
            replacement = draft.get(Machine, replacement.replaced_by)
        if replacement and replacement.state is MachineState.STARTED:
            text = f"replaced by {replacement.id} on {replacement.host}"
            draft.put(original.recovering(Recovery.SERVING, text, now))
