"""Machines that are suspended: their processes are stopped where they are, memory and all, and go on from there."""

import asyncio
import signal
from dataclasses import replace
from typing import Protocol

from remediator.agent.processes import Owner, is_running, stop_all
from remediator.agent.record import MachineRecord
from remediator.model.errors import PermanentError
from remediator.model.machine import MachineState


class Sleepers(Protocol):
    """What is needed of the machines of a host to lay one of them down and to wake it."""

    def known(self, machine: str) -> MachineRecord: ...
    def owner(self, machine: str) -> Owner: ...
    def signal_all(self, machine: str, number: int) -> None: ...
    async def keep(self, record: MachineRecord) -> MachineRecord: ...
    async def adopted(self, record: MachineRecord) -> None: ...
    async def unwatch(self, machine: str) -> None: ...


async def fall_asleep(machines: Sleepers, machine: str) -> MachineRecord:
    """Suspend a machine; the caller holds its turn.

    Raises:
        PermanentError: it does not run.
    """
    record = machines.known(machine)
    if record.state is MachineState.SUSPENDED:
        return record
    if record.running is None:
        raise PermanentError(f"machine {machine} does not run")
    await machines.unwatch(machine)
    await asyncio.to_thread(stop_all, [machines.owner(machine)])
    # Not to be started by itself: a host that reboots meanwhile has lost what was in memory.
    return await machines.keep(replace(record, state=MachineState.SUSPENDED, desired="stopped"))


async def resumed(machines: Sleepers, record: MachineRecord, boot_id: str) -> MachineRecord:
    """The record with its processes going on; without them, if its first one has ended in its sleep."""
    if record.running is None or not is_running(record.running, boot_id):
        await asyncio.to_thread(machines.signal_all, record.id, signal.SIGKILL)
        return await machines.keep(replace(record, state=MachineState.STOPPED, running=None))
    await asyncio.to_thread(machines.signal_all, record.id, signal.SIGCONT)
    awake = replace(record, state=MachineState.STARTED, desired="started")
    await machines.adopted(awake)
    return awake
