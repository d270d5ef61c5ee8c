"""A real host in its chassis: processes of its own, in one of the two housings."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from remediator.agent.front import tree
from remediator.agent.front.chassis import HostProcess, Network, Power, Truth, WrongState
from remediator.agent.front.disk import Disk
from remediator.agent.front.housing import Housing, Init, launch
from remediator.agent.front.settings import FrontSettings, agent_command, exporter_command
from remediator.model.errors import TransientError

WEDGED_TASKS = 3
DEATH_SECONDS = 10.0

# A writer of a frozen disk blocks in the kernel.
WRITE = "import sys; open(sys.argv[1], 'ab').write(b'x')"
# Where no disk can be frozen: a parent waits, blocked in the kernel, for its vforked child to come to its program,
# and this child waits for somebody to write to a pipe.
WAIT = (
    "import os, sys; os.posix_spawn('/bin/true', ['true'], {}, "
    "file_actions=[(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)])"
)


@dataclass(slots=True)
class Boot:
    """The last boot; ``init`` is None while the power is off."""

    boot_id: str = ""
    init: Init | None = None


class HostChassis:
    """One host. Faults come one at a time, in the order in which they were asked for."""

    def __init__(self, settings: FrontSettings, housing: Housing, disk: Disk) -> None:
        self.uuid = settings.uuid
        self._settings = settings
        self._housing = housing
        self._disk = disk
        self._last = Boot()
        self._network = Network.OK
        self._wedged = False
        self._turn = asyncio.Lock()

    async def boot(self) -> None:
        async with self._turn:
            if self._running() is None:
                await self._boot()

    async def _boot(self) -> None:
        await self._bury()
        init = await launch(self._housing.enclosure, self._settings.data / "console.log")
        self._last = Boot(str(uuid4()), init)
        try:
            await self._housing.attach(init)
            if self._network is Network.OK:
                self._housing.speak()
        except TransientError:
            await self._bury()
            raise
        self._start_programs(init)

    def _start_programs(self, init: Init) -> None:
        listening = self._housing.listening
        agent = agent_command(self._settings, listening, self._last.boot_id)
        pause = self._settings.programs.restart_seconds
        init.order(do="start", name="agent", argv=agent, restart=pause)
        init.order(do="start", name="exporter", argv=exporter_command(self._settings, listening), restart=pause)

    async def power_off(self) -> None:
        async with self._turn:
            await self._bury()

    async def _bury(self) -> None:
        """Silence first, then death, with nothing in between; then clear up behind the dead."""
        self._housing.silence()
        init, self._last.init = self._last.init, None
        if init is None:
            return
        if self._wedged:  # what is blocked cannot die
            self._thaw()
        await self._housing.end(init)
        try:
            # Not helped along: what was started first ends last, so its end is the end of all.
            await asyncio.wait_for(init.process.wait(), DEATH_SECONDS)
        except TimeoutError as error:
            raise TransientError("the host does not die: a process of it is blocked in the kernel") from error
        self._housing.detach()

    async def cut(self) -> None:
        async with self._turn:
            self._housing.silence()
            self._network = Network.CUT

    async def heal(self) -> None:
        async with self._turn:
            self._network = Network.OK
            if self._running() is not None:
                self._housing.speak()

    async def crash_agent(self) -> None:
        self._powered().order(do="kill", name="agent")

    async def fill_disk(self) -> None:
        self._disk.fill()

    async def free_disk(self) -> None:
        self._disk.free()

    async def wedge(self) -> None:
        """Freeze the disk under writers of ours, or block tasks on a pipe; either way they are in state D."""
        async with self._turn:
            init = self._powered()
            if self._wedged:
                return
            self._wedged = True
            program = WRITE if self._disk.can_freeze() else WAIT
            self._block_tasks(init, program)

    def _block_tasks(self, init: Init, program: str) -> None:
        place = self._wedge_path()
        if self._disk.can_freeze():
            place.touch()
            self._disk.set_frozen(frozen=True)
        else:
            os.mkfifo(place)
        for number in range(WEDGED_TASKS):
            argv = [sys.executable, "-I", "-S", "-c", program, str(place)]
            init.order(do="start", name=f"wedge-{number}", argv=argv, restart=None)

    async def unwedge(self) -> None:
        async with self._turn:
            if self._wedged:
                self._thaw()

    def _thaw(self) -> None:
        self._wedged = False
        if self._disk.can_freeze():
            self._disk.set_frozen(frozen=False)
        elif self._wedge_path().is_fifo():
            # One who may write is enough for all readers to go on, and they need no more than that.
            os.close(os.open(self._wedge_path(), os.O_RDWR | os.O_NONBLOCK))
        self._wedge_path().unlink(missing_ok=True)

    def _wedge_path(self) -> Path:
        return self._disk.folder / ".wedge"

    def truth(self) -> Truth:
        init = self._running()
        tasks = [] if init is None else [task.pid for task in tree.descendants(init.pid) if tree.is_alive(task)]
        known = [(pid, tree.read_environment(pid)) for pid in tasks]
        return Truth(
            power=Power.OFF if init is None else Power.ON,
            network=self._network,
            boot_id=self._last.boot_id,
            agent_pid=next((pid for pid, env in known if is_agent(env)), 0),
            processes=tuple(HostProcess(env["MACHINE_ID"], pid) for pid, env in known if "MACHINE_ID" in env),
            disk=self._disk.kind.value,
            wedged=self._wedged,
            filled=self._disk.is_filled(),
        )

    def _running(self) -> Init | None:
        init = self._last.init
        return init if init is not None and init.is_alive() else None

    def _powered(self) -> Init:
        init = self._running()
        if init is None:
            raise WrongState("the host has no power")
        return init

    async def close(self) -> None:
        """Power off and take everything down: address, link, disk."""
        try:
            await self.power_off()
        finally:
            self._housing.close()
            self._disk.close()


def is_agent(environment: dict[str, str]) -> bool:
    """An agent, not a machine that has inherited its agent's environment."""
    return environment.get("FLEETMEND_PART") == "agent" and "MACHINE_ID" not in environment
