"""What the agent tells of its host: all of it in a hello, then only what changed."""

import importlib.metadata
from dataclasses import asdict, dataclass, field
from typing import Any

from remediator.agent.frozen import Frozen
from remediator.agent.machines import Machines
from remediator.agent.peering import Peering
from remediator.agent.record import MachineRecord, VolumeRecord
from remediator.agent.settings import Settings
from remediator.agent.standing import Standing
from remediator.agent.volumes import Volumes
from remediator.model.host import Identity

Message = dict[str, Any]


def version() -> str:
    """The installed version; empty where the sources run uninstalled."""
    try:
        return importlib.metadata.version("fleetmend")
    except importlib.metadata.PackageNotFoundError:
        return ""


@dataclass(slots=True)
class Disk:
    """The host's disk for tenants as last measured, in MiB; ``stuck`` says why nothing gets through to it."""

    size_mb: int = 0
    available_mb: int = 0
    stuck: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """Everything there is to tell, for all sessions."""

    settings: Settings
    identity: Identity
    standing: Standing
    machines: Machines
    volumes: Volumes
    frozen: Frozen
    disk: Disk
    peering: Peering
    version: str = field(default_factory=version)

    def hello(self, told: "Told") -> Message:
        settings = self.settings
        return {
            "type": "hello", "name": settings.name, "identity": asdict(self.identity),
            "boot_id": settings.boot_id, "version": self.version, "region": settings.region,
            "rack": settings.rack, "role": settings.role, "provider": settings.provider,
            "labels": settings.labels, "capacity": asdict(settings.capacity), "address": settings.address,
            "agent_port": settings.listen[1], "exporter_port": settings.exporter_port,
            "highest": self.standing.told(), "began": self.standing.began, "epoch": self.standing.epoch,
            "peers": self.peering.names(), "mark": self.standing.mark,
            "machines": told.machines_to_tell(self.machines), "volumes": told.volumes_to_tell(self.volumes),
        }  # fmt: skip

    def report(self, told: "Told") -> Message:
        return {
            "type": "report",
            "n": told.next_number(),
            "machines": told.machines_to_tell(self.machines),
            "absent": told.absences(self.machines, self.standing),
            "volumes": told.volumes_to_tell(self.volumes),
            "disk": asdict(self.disk),
            "frozen": self.frozen.text,
            "refused": self.standing.refused,
            "peers": self.peering.names(),
            "answered": self.peering.answered(),
        }


@dataclass(slots=True)
class Told:
    """What one remediator has been told in one session; ``owed`` are condemned whose absence it waits for."""

    machines: dict[str, MachineRecord] = field(default_factory=dict)
    volumes: dict[str, VolumeRecord] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)
    number: int = 0

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def machines_to_tell(self, machines: Machines) -> list[Message]:
        # Records are values: another object is another state.
        fresh = [record for key, record in machines.records.items() if self.machines.get(key) is not record]
        self.machines.update({record.id: record for record in fresh})
        return [record.told() for record in fresh]

    def volumes_to_tell(self, volumes: Volumes) -> list[Message]:
        fresh = [record for key, record in volumes.records.items() if self.volumes.get(key) is not record]
        self.volumes.update({record.id: record for record in fresh})
        return [record.told() for record in fresh]

    def absences(self, machines: Machines, standing: Standing) -> list[str]:
        """Those told before and gone, and the condemned whose processes were seen to be gone."""
        there = machines.records.keys() | standing.condemned
        gone = (self.machines.keys() | self.owed) - there
        self.owed -= gone
        self.machines = {key: record for key, record in self.machines.items() if key not in gone}
        return sorted(gone)
