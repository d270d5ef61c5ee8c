"""What a baseline keeps over a restart: instances, what it wrote off, whom it remediated, open commands."""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

from remediator.model.request import Operation
from remediator.simulate.world.judge import Population


class At(StrEnum):
    """Where an instance stands."""

    SERVING = "serving"
    STARTING = "starting"
    WRITTEN_OFF = "written_off"
    GONE = "gone"


@dataclass(slots=True)
class Instance:
    """One instance of a line, as the baseline believes."""

    machine: str
    line: str
    app: str
    name: str
    host: str
    region: str
    volumes: tuple[str, ...]
    memory_mb: int
    at: At = At.SERVING
    # Asked to go by its owner: never replaced again.
    ended: bool = False


@dataclass(slots=True)
class Pending:
    """A command until it is done; sent again when due."""

    operation: Operation
    due: float = 0.0
    flying: bool = False


@dataclass(slots=True)
class Book:
    """Copied whole for a journal."""

    instances: dict[str, Instance]
    term: int = 0
    epochs: dict[str, int] = field(default_factory=dict)
    # Hosts remediated in this life of theirs, and when; hosts being fenced before that.
    remediated: dict[str, float] = field(default_factory=dict)
    fencing: set[str] = field(default_factory=set)
    pending: dict[str, Pending] = field(default_factory=dict)
    count: int = 0

    def on(self, host: str) -> list[Instance]:
        """What runs there, or is being started."""
        return [
            each for each in self.instances.values() if each.host == host and each.at in (At.SERVING, At.STARTING)
        ]

    def written_off(self, host: str) -> list[str]:
        return [each.machine for each in self.instances.values() if each.host == host and each.at is At.WRITTEN_OFF]

    def loads(self) -> dict[str, int]:
        """Instances by host."""
        found: defaultdict[str, int] = defaultdict(int)
        for each in self.instances.values():
            if each.at in (At.SERVING, At.STARTING):
                found[each.host] += 1
        return found


def opened(population: Population) -> Book:
    """The beginning: everything serves."""
    instances = {
        each.id: Instance(
            each.id,
            each.id,
            each.app,
            each.name,
            each.host,
            each.region,
            each.volumes,
            int((each.config or {}).get("guest", {}).get("memory_mb", 256)),
            At.SERVING if each.state == "started" else At.GONE,
        )
        for each in population.machines
    }
    return Book(instances, epochs={host.name: host.epoch for host in population.hosts})
