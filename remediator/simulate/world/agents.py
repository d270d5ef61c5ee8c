"""Modelled agents: they run machines, obey commands, go on while cut off, and tell what runs when they are back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from remediator.model.request import Operation
from remediator.simulate.world.judge import Ended, Mark, Welcome
from remediator.simulate.world.topology import Place

# Seconds that verbs take on a host that is well.
TAKES = {
    "create": 1.5, "destroy": 0.3, "stop": 0.3, "start": 0.5, "restart": 0.8, "create_volume": 3.0,
    "snapshot": 1.0, "export": 0.3,
}  # fmt: skip
COLD_START = 300.0
Record = dict[str, Any]


@dataclass(slots=True)
class Kept:
    """A machine as its host keeps it: what it tells, whether it should run, and whether it does."""

    record: Record
    line: str
    wanted: bool = True
    running: bool = False
    volumes: tuple[str, ...] = ()


@dataclass(slots=True)
class Agent:
    """One host's agent; all of it but ``session`` and what runs survives a reboot."""

    place: Place
    machines: dict[str, Kept] = field(default_factory=dict)
    volumes: dict[str, Record] = field(default_factory=dict)
    condemned: set[str] = field(default_factory=set)
    # Those of the condemned that must not start and are not ended yet.
    held: set[str] = field(default_factory=set)
    results: dict[str, Ended] = field(default_factory=dict)
    session: bool = True
    greets_at: float | None = None
    alone_since: float = 0.0
    epoch: int = 1
    term: int = 0
    sequence: int = 0
    # The highest authority heard, and when its term began.
    incarnation: str = ""
    began: str = ""
    refused: str = ""
    # What changed since the last report.
    fresh: set[str] = field(default_factory=set)
    absent: list[str] = field(default_factory=list)

    def hello(self, boot: str, identity: dict[str, str]) -> Record:
        """What it says first in a session."""
        capacity = self.place.capacity
        return {
            "name": self.place.name,
            "boot_id": boot,
            "version": self.place.version,
            "region": self.place.region,
            "rack": self.place.rack,
            "capacity": {"cpus": capacity.cpus, "memory_mb": capacity.memory_mb, "disk_mb": capacity.disk_mb},
            "address": self.place.name,
            "agent_port": 1,
            "exporter_port": 1,
            "identity": identity,
            "labels": self.place.labels,
            "machines": [self.told(machine) for machine in self.machines],
            "volumes": list(self.volumes.values()),
            "highest": (self.incarnation, self.term, self.sequence),
            "began": self.began,
            "epoch": self.epoch,
        }

    def told(self, machine: str) -> Record:
        kept = self.machines[machine]
        state = "started" if kept.running else "starting" if kept.wanted else "stopped"
        return {**kept.record, "state": state}

    def report(self) -> Record:
        """What is to be told with the next heartbeat; empty where nothing has changed."""
        told: Record = {}
        if self.fresh:
            told["machines"] = [self.told(machine) for machine in sorted(self.fresh) if machine in self.machines]
        if self.absent:
            told["absent"] = list(self.absent)
        self.fresh.clear()
        self.absent.clear()
        return told

    def welcomed(self, word: Welcome) -> None:
        self.epoch, self.session = word.epoch, True
        if (word.incarnation, word.term) > (self.incarnation, self.term):
            self.incarnation, self.term, self.sequence, self.began = word.incarnation, word.term, 0, word.began
        self.condemned |= set(word.condemned)
        if word.held:
            self.held |= set(word.held)
        else:
            # Who was held and is named no more was let off meanwhile.
            self.condemned -= self.held - set(word.condemned)
            self.held.clear()
        self.greets_at = None

    def refuses(self, mark: Mark) -> str:
        """Why a command is not obeyed; empty when it is."""
        if mark.term < self.term:
            return f"term {mark.term} is over, {self.term} was seen"
        if mark.epoch != self.epoch:
            return f"epoch {mark.epoch} is not {self.epoch}"
        return ""

    def born(self, operation: Operation, line: str, record: Record) -> Kept:
        """A machine that was created here."""
        kept = Kept(record, line, volumes=tuple(operation.args.get("volumes", ())))
        self.machines[operation.args["machine_id"]] = kept
        return kept


def record_of(args: Record, scrubbed: Record, host: str, epoch: int, *, recoverable: bool) -> Record:
    """What an agent tells of a machine, its sealed copy with it."""
    names = ("app", "name", "region", "instance_id")
    told: Record = {"id": args["machine_id"], **{name: args[name] for name in names}}
    seal = {
        "machine": told["id"], "instance_id": told["instance_id"], "host": host, "epoch": epoch, "digest": "d",
        "box": "b", "signature": "s",
    }  # fmt: skip
    return {
        **told,
        "state": "started",
        "scrubbed": scrubbed,
        "digest": "d",
        "sealed": seal if recoverable else None,
        "volumes": list(args.get("volumes", ())),
        "port": 1,
    }


Deed = Callable[[], Ended]
