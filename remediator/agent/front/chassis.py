"""What a chassis can do and what is true of it; the BMC stand-in speaks to this and knows no mode."""

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from remediator.model.errors import FleetmendError


class Power(StrEnum):
    ON = "On"
    OFF = "Off"


class Network(StrEnum):
    OK = "ok"
    CUT = "cut"


class Unsupported(FleetmendError):
    """This chassis cannot play that fault for real, and plays none in pretence."""


class WrongState(FleetmendError):
    """The host is not in a state in which that makes sense, such as a crash of an agent without power."""


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A live process of a machine; ``pid`` as the chassis sees it."""

    machine: str
    pid: int


@dataclass(frozen=True, slots=True)
class Truth:
    """What is so, whatever anybody believes; ``boot_id`` is of the last boot, ``agent_pid`` 0 without an agent."""

    power: Power
    network: Network
    boot_id: str
    agent_pid: int
    processes: tuple[HostProcess, ...]
    disk: str
    wedged: bool
    filled: bool


class Chassis(Protocol):
    """A host as its rack sees it. Calls may be repeated; all raise ``TransientError`` when the kernel refuses."""

    uuid: str

    async def boot(self) -> None:
        """Power on; nothing if it is on."""

    async def power_off(self) -> None:
        """Silence and death in the same instant; the disk stays."""

    async def cut(self) -> None:
        """Silence; everything runs on."""

    async def heal(self) -> None: ...

    async def crash_agent(self) -> None:
        """SIGKILL to the agent alone."""

    async def fill_disk(self) -> None: ...

    async def free_disk(self) -> None: ...

    async def wedge(self) -> None:
        """Tasks of the host block in the kernel until ``unwedge``."""

    async def unwedge(self) -> None: ...

    def truth(self) -> Truth: ...


class FakeChassis:
    """A chassis of nothing but its state."""

    def __init__(self, uuid: str = "3d9a6f30-0000-4000-8000-000000000001") -> None:
        self.uuid = uuid
        self._boots = 0
        self._truth = Truth(Power.OFF, Network.OK, "", 0, (), "fake", wedged=False, filled=False)

    async def boot(self) -> None:
        await asyncio.sleep(0)
        if self._truth.power is Power.OFF:
            self._boots += 1
            self._truth = replace(self._truth, power=Power.ON, boot_id=f"boot-{self._boots}", agent_pid=100)

    async def power_off(self) -> None:
        self._truth = replace(self._truth, power=Power.OFF, agent_pid=0, wedged=False)

    async def cut(self) -> None:
        self._truth = replace(self._truth, network=Network.CUT)

    async def heal(self) -> None:
        self._truth = replace(self._truth, network=Network.OK)

    async def crash_agent(self) -> None:
        if self._truth.power is Power.OFF:
            raise WrongState("the host has no power")
        self._truth = replace(self._truth, agent_pid=self._truth.agent_pid + 1)

    async def fill_disk(self) -> None:
        self._truth = replace(self._truth, filled=True)

    async def free_disk(self) -> None:
        self._truth = replace(self._truth, filled=False)

    async def wedge(self) -> None:
        raise Unsupported("a fake host has no tasks to block")

    async def unwedge(self) -> None:
        self._truth = replace(self._truth, wedged=False)

    def truth(self) -> Truth:
        return self._truth
