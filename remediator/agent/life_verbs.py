"""The verbs of a machine's life beyond its start and its end: another configuration, sleep, signals, questions."""

from dataclasses import dataclass, replace
from typing import Any

from remediator.agent.asleep import fall_asleep
from remediator.agent.inside import run_inside
from remediator.agent.process_list import listed
from remediator.agent.processes import Found, send_signal
from remediator.agent.record import MachineRecord
from remediator.agent.restart import stop_signal, stop_timeout
from remediator.agent.verbs import Hands, Value, Verb, check_config, envelope_of, parse_args
from remediator.model.errors import PermanentError
from remediator.wire.messages import Command
from remediator.wire.sealing import digest, open_config

LONGEST_EXEC_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class UpdateArgs:
    machine_id: str
    instance_id: str
    sealed_config: str
    digest: str
    start: bool = True


@dataclass(frozen=True, slots=True)
class MetadataArgs:
    machine_id: str
    metadata: dict[str, str]
    # Of the config as it is to be; empty where whoever asks does not know it.
    digest: str = ""


@dataclass(frozen=True, slots=True)
class SignalArgs:
    machine_id: str
    signal: str | int


@dataclass(frozen=True, slots=True)
class ExecArgs:
    machine_id: str
    command: list[str]
    stdin: str = ""
    timeout_s: float = LONGEST_EXEC_SECONDS


@dataclass(frozen=True, slots=True)
class AskArgs:
    machine_id: str


async def update(hands: Hands, command: Command) -> Value:
    """Another configuration under the same id: what ran is stopped as its old one says, and started by the new."""
    args = parse_args(command, UpdateArgs)
    machines = hands.machines
    record = machines.known(args.machine_id)
    if args.machine_id in hands.standing.condemned:
        raise PermanentError(f"machine {args.machine_id} is condemned")
    if record.instance_id != args.instance_id:
        config = open_config(args.sealed_config, hands.keys.box)
        if digest(config) != args.digest:
            raise PermanentError(f"the config of machine {args.machine_id} is not the one its digest says")
        check_config(config, args.machine_id, record.volumes)
        stopped = await machines.stop(record.id, stop_signal(record.config), stop_timeout(record.config))
        changed = replace(stopped, instance_id=args.instance_id, restarts=0, over=False)
        record = await machines.keep(_with_config(hands, changed, config))
    return {"record": (await machines.start(record.id) if args.start else record).told()}


async def set_metadata(hands: Hands, command: Command) -> Value:
    """All of its metadata; what runs goes on."""
    args = parse_args(command, MetadataArgs)
    record = hands.machines.known(args.machine_id)
    config = {**record.config, "metadata": args.metadata}
    if args.digest and digest(config) != args.digest:
        raise PermanentError(f"the config of machine {args.machine_id} is another one here than is known")
    return {"record": (await hands.machines.keep(_with_config(hands, record, config))).told()}


async def suspend(hands: Hands, command: Command) -> Value:
    return {"record": (await fall_asleep(hands.machines, parse_args(command, AskArgs).machine_id)).told()}


async def signal_machine(hands: Hands, command: Command) -> Value:
    """To its first process alone, as an init would get it."""
    args = parse_args(command, SignalArgs)
    record = hands.machines.known(args.machine_id)
    if record.running is None:
        raise PermanentError(f"machine {args.machine_id} does not run")
    send_signal(Found(record.running.pid, record.running.started), stop_signal({}, args.signal))
    return {"record": hands.machines.known(args.machine_id).told()}


async def exec_inside(hands: Hands, command: Command) -> Value:
    args = parse_args(command, ExecArgs)
    process = await hands.machines.enter(args.machine_id, args.command)
    return await run_inside(process, args.stdin.encode(), min(args.timeout_s, LONGEST_EXEC_SECONDS))


async def processes(hands: Hands, command: Command) -> Value:
    args = parse_args(command, AskArgs)
    hands.machines.known(args.machine_id)
    return {"processes": await listed(hands.machines.owner(args.machine_id), hands.clock.monotonic())}


LIFE_VERBS: dict[str, Verb] = {
    "update": update,
    "set_metadata": set_metadata,
    "suspend": suspend,
    "signal": signal_machine,
}
# Questions to what runs: nothing of ours changes, and whoever asked is gone when the line is.
ASKED: dict[str, Verb] = {"exec": exec_inside, "ps": processes}


def _with_config(hands: Hands, record: MachineRecord, config: dict[str, Any]) -> MachineRecord:
    changed = replace(record, config=config, digest=digest(config))
    return replace(changed, sealed=envelope_of(hands, changed) if changed.recoverable else None)
