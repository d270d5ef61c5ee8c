"""What a new agent does with the machines an earlier one left: running ones are taken over, not touched."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from remediator.agent.machines import Machines
from remediator.agent.processes import Found, end_all, find_processes, send_signal
from remediator.agent.record import MachineRecord, Running
from remediator.agent.restart import after_exit
from remediator.agent.state import Store, put_fact
from remediator.model.machine import MachineState

_KILL_SECONDS = 5.0


async def adopt(machines: Machines, store: Store, boot_id: str) -> None:
    """Match the records with the processes that are there, found by pid and start time, else by their marks.

    In another life of the host nothing of ours can run: what should run is started again when we are welcomed.
    """
    # Empty in a new life of the host: what is found there is of nobody's making, and ended.
    life = boot_id if store.fact("boot_id", str, "") == boot_id else ""
    owners = [machines.owner(machine) for machine in machines.records]
    found = await asyncio.to_thread(find_processes, owners)
    if life:
        _go_on({machine: those for machine, those in found.items() if not _suspended(machines.records[machine])})
    parts = (_settle(machines, record, found[record.id], life) for record in machines.records.values())
    await asyncio.gather(*parts)
    await store.write(put_fact("boot_id", boot_id))


async def _settle(machines: Machines, record: MachineRecord, found: set[Found], boot_id: str) -> None:
    should = record.desired == "started" or _suspended(record)
    leader = _leader(record, found, boot_id) if boot_id and should else None
    if found and leader is None:
        await end_all([machines.owner(record.id)], _KILL_SECONDS)
    after = settled(record, leader, same_life=bool(boot_id))
    if after != record or leader:
        await machines.adopted(after)


def settled(record: MachineRecord, leader: Running | None, *, same_life: bool) -> MachineRecord:
    """A record as it is after our start: with its living process, or as ended while nobody looked."""
    if leader:
        state = MachineState.SUSPENDED if _suspended(record) else MachineState.STARTED
        return replace(record, running=leader, state=state)
    if record.state is MachineState.CREATED:
        return record
    if record.desired == "stopped" or not same_life:
        return replace(record, running=None, state=MachineState.STOPPED, restarts=0)
    return after_exit(record, None, timedelta()) if record.running else record


def _suspended(record: MachineRecord) -> bool:
    return record.state is MachineState.SUSPENDED


def _leader(record: MachineRecord, found: set[Found], boot_id: str) -> Running | None:
    """The machine's first process; the agent may have died between starting it and writing that down."""
    leaders = sorted(process for process in found if process.leads)
    known = record.running
    for process in leaders:
        if known and (known.pid, known.started) == (process.pid, process.started):
            return known
    return Running(leaders[0].pid, leaders[0].started, boot_id) if leaders and known is None else None


def _go_on(found: Mapping[str, set[Found]]) -> None:
    """A machine that was paused for a snapshot when the agent died continues."""
    for process in set().union(*found.values()):
        send_signal(process, signal.SIGCONT)
