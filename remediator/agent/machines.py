"""The machines of this host: real processes, their records, and the one way in which each may change."""

import asyncio
import logging
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from remediator.agent.asleep import resumed
from remediator.agent.ports import bindable, free_port
from remediator.agent.processes import (
    Found,
    Owner,
    end_all,
    find_processes,
    read_stat,
    send_signal,
    stop_and_kill,
    wait_for_exit,
)
from remediator.agent.record import MachineRecord, Running
from remediator.agent.restart import after_exit, delay_before
from remediator.agent.sandbox import Sandbox
from remediator.agent.standing import Standing
from remediator.agent.state import Store, drop_machine, put_machine
from remediator.agent.volumes import Volumes
from remediator.clock import Clock
from remediator.model.errors import FleetmendError, PermanentError, TransientError
from remediator.model.machine import MachineState

# SIGKILL takes effect at once unless the kernel itself is stuck.
KILL_SECONDS = 5.0
_STARTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What machines stand on."""

    store: Store
    sandbox: Sandbox
    volumes: Volumes
    standing: Standing
    clock: Clock
    boot_id: str
    log: logging.Logger
    changed: Callable[[], None]


class Machines:
    """Machines by id. One thing at a time happens to each; ``condemn`` alone does not wait its turn to kill."""

    def __init__(self, around: Surroundings) -> None:
        self.records = {record.id: record for record in around.store.machines()}
        self._around = around
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._guards: dict[str, asyncio.Task[None]] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._starts = asyncio.Semaphore(_STARTS_AT_ONCE)
        # Cut off from everybody for the whole lease: what is under it stays down until a remediator welcomes us.
        self.lease_over = False

    def turn(self, machine: str) -> asyncio.Lock:
        """Held while something happens to a machine."""
        return self._locks[machine]

    def known(self, machine: str) -> MachineRecord:
        """Its record; PermanentError when it is not of this host."""
        if machine not in self.records:
            raise PermanentError(f"machine {machine} is not on this host")
        return self.records[machine]

    def owner(self, machine: str) -> Owner:
        return self._around.sandbox.owner(machine, self.records.get(machine))

    async def adopted(self, record: MachineRecord) -> None:
        """Take a record as it was found at our start, and go on watching its process if it has one."""
        await self._put(record)
        if record.running and record.state is not MachineState.SUSPENDED:
            self._watch(record.id)

    async def admit(self, record: MachineRecord) -> MachineRecord:
        """Take a new machine into the table, with a port, a uid and its volumes.

        Raises:
            PermanentError: a volume is not here, or another's.
        """
        changes = self._around.volumes.attach(record.id, record.volumes)
        others = self.records.values()
        port = free_port(self._around.sandbox.address, (other.port for other in others))
        uid = self._around.sandbox.free_uid(other.uid for other in others)
        admitted = self.records[record.id] = replace(record, port=port, uid=uid)
        try:
            await self._around.store.write(*changes, put_machine(admitted))
        except TransientError:
            del self.records[record.id]
            self._around.volumes.detach(record.id)
            raise
        self._around.changed()
        return admitted

    async def start(self, machine: str) -> MachineRecord:
        """Start it, unless it runs; the caller holds its turn. What cannot be started is ``failed``, and says why.

        Raises:
            PermanentError: unknown, condemned, or a config that no process can be made from.
            TransientError: a volume cannot be mounted now.
        """
        record = self.known(machine)
        if machine in self._around.standing.condemned:
            raise PermanentError(f"machine {machine} is condemned")
        if record.state is MachineState.SUSPENDED:
            record = await resumed(self, record, self._around.boot_id)
        if record.running:
            return record
        if self.lease_over and record.under_lease:
            raise TransientError(f"machine {machine} is under a lease that has run out")
        record = self._free_of_strangers(record)
        self.records[machine] = replace(record, state=MachineState.STARTING, desired="started", over=False)
        self._around.changed()
        try:
            await self._spawn(self.records[machine])
        except (PermanentError, TransientError) as error:
            self._around.log.warning("%s", error)
            await self._note(replace(self.records[machine], state=MachineState.FAILED))
            raise
        self._watch(machine)
        return self.records[machine]

    async def stop(self, machine: str, number: int, timeout: timedelta) -> MachineRecord:
        """End it politely, then for certain; the caller holds its turn."""
        record = replace(self.known(machine), desired="stopped")
        running = record.running
        await self._put(replace(record, state=MachineState.STOPPING if running else MachineState.STOPPED))
        if running is None:
            await self.unwatch(machine)
            return self.records[machine]
        await self.unwatch(machine)
        # Its first process alone, as an init would: that one knows how to end its children.
        send_signal(Found(running.pid, running.started), number)
        if record.state is MachineState.SUSPENDED:
            # Nobody hears a signal while asleep.
            await asyncio.to_thread(self.signal_all, machine, signal.SIGCONT)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout.total_seconds()):
                await wait_for_exit(running.pid)
        await self._kill(machine)
        ended = replace(self.records[machine], state=MachineState.STOPPED, running=None)
        await self._put(replace(ended, exit_code=self._reap(machine)))
        return self.records[machine]

    async def keep(self, record: MachineRecord) -> MachineRecord:
        """Take another record of a machine; what runs goes on as it is. The caller holds its turn."""
        await self._put(record)
        return record

    async def destroy(self, machine: str) -> None:
        """Kill it and remove all of it but its volumes; the caller holds its turn. Unknown ones end absent too.

        Raises:
            TransientError: a process of it is stuck in the kernel.
        """
        await self.unwatch(machine)
        await self._kill(machine)
        await self._forget([machine])

    async def condemn(self, machines: frozenset[str]) -> None:
        """Kill all of these at once and remove them; what is stuck in the kernel stays condemned.

        Killing waits for nobody's turn: a machine that is being started is killed again when its turn is over.
        """
        owners = [self.owner(machine) for machine in machines]
        busy = [machine for machine in machines if self.turn(machine).locked()]
        await asyncio.to_thread(stop_and_kill, owners)
        stuck = await end_all(owners, KILL_SECONDS)
        free = [machine for machine in machines if machine not in stuck and machine not in busy]
        await asyncio.gather(*(self.unwatch(machine) for machine in free))
        await self._forget(free)
        await asyncio.gather(*(self._condemn_busy(machine) for machine in busy))

    async def halt(self, machines: frozenset[str]) -> None:
        """Kill these at once and keep them: what should run is started again when a remediator welcomes us."""
        await asyncio.to_thread(stop_and_kill, [self.owner(machine) for machine in machines])
        await asyncio.gather(*(self._halt(machine) for machine in machines))

    async def _halt(self, machine: str) -> None:
        # What is being started in this instant is killed again when its turn is over.
        async with self.turn(machine):
            await self.unwatch(machine)
            await end_all([self.owner(machine)], KILL_SECONDS)
            record = self.records.get(machine)
            if record is not None and record.state is not MachineState.FAILED:
                ended = replace(record, state=MachineState.STOPPED, running=None)
                await self._note(replace(ended, exit_code=self._reap(machine)))

    async def _condemn_busy(self, machine: str) -> None:
        async with self.turn(machine):
            with suppress(TransientError):
                await self.destroy(machine)

    async def start_wanted(self, fit: Callable[[MachineRecord], bool]) -> None:
        """Start what should run and does not; failures are logged and shown as ``failed``."""
        wanted = [record.id for record in self.records.values() if record.wants_start and fit(record)]
        await asyncio.gather(*(self._start_wanted(machine) for machine in wanted))

    async def _start_wanted(self, machine: str) -> None:
        async with self._starts, self.turn(machine):
            if machine in self.records and self.records[machine].wants_start:
                with suppress(FleetmendError):
                    await self.start(machine)

    async def enter(self, machine: str, words: list[str]) -> "subprocess.Popen[bytes]":
        """Start a command within a machine that runs: as it, where it is, and ended with it.

        Raises:
            PermanentError: the machine does not run, or there is no such program.
        """
        record = self.known(machine)
        if record.state is not MachineState.STARTED:
            raise PermanentError(f"machine {machine} does not run")
        largest = self._around.volumes.largest_directory_mb(record)
        return await asyncio.to_thread(self._around.sandbox.enter, record, words, largest)

    def signal_all(self, machine: str, number: int) -> None:
        """Signal every process of a machine; blocks on /proc for a moment."""
        for process in find_processes([self.owner(machine)])[machine]:
            send_signal(process, number)

    def pause(self, machine: str, number: int) -> None:
        """SIGSTOP or SIGCONT to all of a machine, for the sake of a copy: what is suspended stays so."""
        record = self.records.get(machine)
        if record is None or record.state is not MachineState.SUSPENDED:
            self.signal_all(machine, number)

    async def close(self) -> None:
        """Stop watching; the machines run on."""
        for machine in list(self._guards):
            await self.unwatch(machine)
        for child in self._children.values():
            # It is not ours to wait for any more, and the warning about that is for programs that forgot to.
            child.returncode = child.poll() or 0

    async def _spawn(self, record: MachineRecord) -> None:
        around = self._around
        volumes = await around.volumes.give(record)
        await asyncio.to_thread(around.sandbox.prepare, record, volumes)
        largest = around.volumes.largest_directory_mb(record)
        child = await asyncio.to_thread(around.sandbox.spawn, record, largest)
        self._children[record.id] = child
        stat = read_stat(child.pid)
        running = Running(child.pid, stat.started if stat else 0, around.boot_id)
        await self._put(replace(record, state=MachineState.STARTED, running=running, exit_code=None))

    def _free_of_strangers(self, record: MachineRecord) -> MachineRecord:
        address = self._around.sandbox.address
        if bindable(address, record.port):
            return record
        return replace(record, port=free_port(address, (other.port for other in self.records.values())))

    def _watch(self, machine: str) -> None:
        self._guards[machine] = asyncio.create_task(self._guard(machine))

    async def unwatch(self, machine: str) -> None:
        """Its end is nobody's business from here on."""
        guard = self._guards.pop(machine, None)
        if guard and guard is not asyncio.current_task():
            guard.cancel()
            with suppress(asyncio.CancelledError):
                await guard

    async def _guard(self, machine: str) -> None:
        while running := self.records[machine].running:
            began = self._around.clock.monotonic()
            await wait_for_exit(running.pid)
            if not await self._ended(machine, timedelta(seconds=self._around.clock.monotonic() - began)):
                return
            await self._around.clock.sleep(delay_before(self.records[machine].restarts).total_seconds())
            async with self.turn(machine):
                if not self._still_starting(machine):
                    return
                await self._restart(machine)

    def _still_starting(self, machine: str) -> bool:
        if machine in self._around.standing.condemned or machine not in self.records:
            return False
        if self.lease_over and self.records[machine].under_lease:
            return False
        return self.records[machine].state is MachineState.STARTING

    async def _restart(self, machine: str) -> None:
        try:
            await self._spawn(self._free_of_strangers(self.records[machine]))
        except FleetmendError as error:
            self._around.log.warning("%s", error)
            await self._note(replace(self.records[machine], state=MachineState.FAILED))

    async def _ended(self, machine: str, ran: timedelta) -> bool:
        """Record an end that nobody asked for; whether it is to be started again."""
        if machine in self._around.standing.condemned or machine not in self.records:
            return False
        # What its first process left behind must not meet the next one.
        await end_all([self.owner(machine)], KILL_SECONDS)
        await self._note(after_exit(self.records[machine], self._reap(machine), ran))
        return self.records[machine].state is MachineState.STARTING

    def _reap(self, machine: str) -> int | None:
        child = self._children.pop(machine, None)
        code = child.poll() if child else None
        return code if code is None or code >= 0 else 128 - code

    async def _kill(self, machine: str) -> None:
        if await end_all([self.owner(machine)], KILL_SECONDS):
            raise TransientError(f"machine {machine} has processes that are stuck in the kernel")

    async def _forget(self, machines: Iterable[str]) -> None:
        # The directory first: cut off in between, the record is still there to finish by.
        gone = list(machines)
        for machine in gone:
            # A zombie would keep its group from going.
            self._reap(machine)
        await asyncio.to_thread(self._discard, gone)
        changes = [change for machine in gone for change in self._around.volumes.detach(machine)]
        await self._around.store.write(*changes, *(drop_machine(machine) for machine in gone))
        for machine in gone:
            self.records.pop(machine, None)
        if condemned := self._around.standing.condemned & set(gone):
            await self._around.standing.absent(set(condemned))
        self._around.changed()

    def _discard(self, machines: list[str]) -> None:
        for machine in machines:
            self._around.sandbox.discard(machine)

    async def _put(self, record: MachineRecord) -> None:
        # The table tells what is true, also when the disk does not take it.
        self.records[record.id] = record
        self._around.changed()
        await self._around.store.write(put_machine(record))

    async def _note(self, record: MachineRecord) -> None:
        """Like ``_put`` where nobody waits for an answer: a state that cannot be written ends no supervision."""
        try:
            await self._put(record)
        except TransientError as error:
            self._around.log.warning("%s", error)
