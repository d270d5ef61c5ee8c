"""A small fleet in truth: hosts with power and a link, agents that obey, run on while cut off, and tell on return."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from remediator.drivers.orchestrator import Proof
from remediator.model.errors import PermanentError
from remediator.model.request import Operation
from remediator.wire.messages import Welcome
from tests.remediator.builders import NOON, sealed
from tests.remediator.runtime.lab import hello, record

Value = dict[str, Any]
Mark = tuple[str, int, int, int]


@dataclass
class Held:
    """A machine on its host; ``wanted`` is what a boot starts again."""

    told: Value
    running: bool = True
    wanted: bool = True


@dataclass
class Box:
    """One host: the disk keeps all but ``running`` and the session."""

    name: str
    rack: str
    powered: bool = True
    linked: bool = True
    boots: int = 1
    # Which data folder its agent has: another one is another identity under the same name.
    disk: int = 1
    # Whose power the BMC in its place of the inventory switches; empty for its own.
    cable: str = ""
    # Whether vantages heard it when they were asked last.
    heard: bool = True
    machines: dict[str, Held] = field(default_factory=dict)
    volumes: set[str] = field(default_factory=set)
    condemned: set[str] = field(default_factory=set)
    results: dict[str, Value] = field(default_factory=dict)
    highest: tuple[str, int, int] = ("", 0, 0)
    epoch: int = 1
    began: str = ""
    session: bool = False
    reports: list[Value] = field(default_factory=list)
    obeyed: list[tuple[Mark, str]] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        return self.powered and self.linked

    def cut(self) -> None:
        """No packet comes or goes; what runs runs on."""
        self.linked, self.session = False, False
        self.reports.clear()

    def lose_power(self) -> None:
        self.powered, self.session = False, False
        self.reports.clear()
        for held in self.machines.values():
            held.running = False

    def come_back(self) -> None:
        """Power and link; after a boot nothing runs before the agent was welcomed."""
        self.boots += not self.powered
        self.powered = self.linked = True

    def wipe(self) -> None:
        """Installed anew under the same name: nothing is left of what it held."""
        self.lose_power()
        self.come_back()
        self.disk += 1
        self.machines, self.volumes, self.condemned, self.results = {}, set(), set(), {}
        self.highest, self.epoch, self.began = ("", 0, 0), 0, ""

    def greeting(self) -> Value:
        machines = [self.told(name) for name in self.machines]
        disk = "" if self.disk == 1 else f"-{self.disk}"
        identity = {"uuid": f"u-{self.name}", "agent_key": "", "data_id": f"d-{self.name}{disk}"}
        volumes = [{"id": volume, "used_bytes": 1} for volume in sorted(self.volumes)]
        more = {"highest": self.highest, "began": self.began, "epoch": self.epoch, "identity": identity}
        boot = f"boot-{self.name}-{self.boots}"
        return hello(self.name, *machines, boot=boot, rack=self.rack, volumes=volumes, **more)

    def told(self, machine: str) -> Value:
        held = self.machines[machine]
        return {**held.told, "state": "started" if held.running else "stopped"}

    def welcomed(self, word: Welcome) -> None:
        """Condemned ones are cut off at once and destroyed; whatever else it ran, it runs."""
        rank = (word.incarnation, word.term, 0)
        if rank[:2] < self.highest[:2]:
            return
        self.highest, self.began = max(rank, self.highest), word.began
        self.epoch, self.session = word.epoch, True
        self.condemned |= set(word.condemned)
        gone = sorted(self.condemned & self.machines.keys())
        for machine in gone:
            del self.machines[machine]
        for held in self.machines.values():
            held.running = held.wanted
        news = {"machines": [self.told(machine) for machine in self.machines], "absent": sorted(self.condemned)}
        self.reports = [{name: each for name, each in news.items() if each}]

    def obey(self, asked: Operation, mark: Mark) -> Value:
        """Carry out a command, once for each key.

        Raises:
            PermanentError: it is stale, or not to be done here.
        """
        *rank, epoch = mark
        if tuple(rank) < self.highest or epoch != self.epoch:
            raise PermanentError(f"stale: {mark}, this host is at {self.highest} in epoch {self.epoch}")
        self.highest = (mark[0], mark[1], mark[2])
        self.obeyed.append((mark, asked.key))
        if asked.key not in self.results:
            self.results[asked.key] = self._do(asked)
        return self.results[asked.key]

    def _do(self, asked: Operation) -> Value:
        args = asked.args
        match asked.verb:
            case "create":
                return self._create(asked.machine, args)
            case "create_volume":
                self.volumes.add(args["volume_id"])
                return {}
            case "destroy":
                self.machines.pop(asked.machine, None)
                self.reports.append({"absent": [asked.machine]})
                return {}
            case "start" | "stop":
                held = self._held(asked.machine)
                held.running = held.wanted = asked.verb == "start"
                # What is told later overrules what was told before, and is still on its way.
                self.reports.append({"machines": [self.told(asked.machine)]})
                return {"record": self.told(asked.machine)}
            case "snapshot":
                named = {"id": args["snapshot_id"], "volume": args["volume_id"], "app": "db"}
                return {"snapshot": named | {"created_at": NOON.isoformat(), "size_bytes": 1, "digest": "d"}}
            case "export":
                self._held(asked.machine)
                return {"sealed_config": "box", "digest": "d"}
            case _:
                raise PermanentError(f"no such verb here: {asked.verb}")

    def _held(self, machine: str) -> Held:
        if machine not in self.machines or machine in self.condemned:
            raise PermanentError(f"{machine} is not here, or condemned")
        return self.machines[machine]

    def _create(self, machine: str, args: Value) -> Value:
        if machine in self.condemned:
            raise PermanentError("it is condemned")
        names = ("app", "name", "instance_id", "volumes")
        self.machines[machine] = held_of(machine, self.name, **{name: args[name] for name in names})
        return {"record": self.told(machine)}


def held_of(machine: str, on: str, **more: Any) -> Held:
    """A machine whose config may be had again from its sealed copy."""
    told = record(machine, **more)
    return Held(told | {"sealed": asdict(sealed(machine, told["instance_id"], on))})


@dataclass
class World:
    """All hosts; ``lines`` says of which volume another one is a copy. ``wrong`` is what must never have been."""

    boxes: dict[str, Box]
    lines: dict[str, str] = field(default_factory=dict)
    # Commands that have left a process and have not yet arrived.
    on_the_way: list[tuple[Operation, Mark]] = field(default_factory=list)
    bmc_answers: bool = True
    # Volumes that hold what somebody wrote.
    originals: frozenset[str] = frozenset({"v1"})
    # Hosts of the beginning: they have BMCs.
    first_hosts: tuple[str, ...] = ("h1", "h2", "h3", "h4")
    # Machines of the beginning.
    first: frozenset[str] = frozenset({"m1", "m2", "m3", "m4"})
    wrong: list[str] = field(default_factory=list)
    # Machines whose host was wiped under them: only people can bring them back.
    wiped: set[str] = field(default_factory=set)
    # Whom an orchestrator has cut off, until it is asked to let go.
    fences: dict[str, Proof] = field(default_factory=dict)
    # What a provider was asked for, by the key; the same key is the same hosts.
    bought: dict[str, list[str]] = field(default_factory=dict)

    def buy(self, asked: Operation) -> Value:
        """The provider's side: hosts that boot at once."""
        names = self.bought.setdefault(asked.key, list(asked.args["names"]))
        for name in names:
            self.boxes.setdefault(name, Box(name, "burst"))
        return {"hosts": names}

    def chassis(self, host: str) -> Box:
        """Whose button is pressed where that host's is meant."""
        return self.boxes[self.boxes[host].cable or host]

    def arrive(self, asked: Operation, mark: Mark) -> Value:
        """A command comes in at its host.

        Raises:
            PermanentError: as its agent says.
        """
        if (asked, mark) in self.on_the_way:
            self.on_the_way.remove((asked, mark))
        box = self.boxes[asked.host]
        if not box.reached:
            raise ConnectionError(asked.host)
        if asked.verb == "create_volume" and "source_volume" in asked.args:
            self.lines[asked.args["volume_id"]] = self.line(asked.args["source_volume"])
        value = box.obey(asked, mark)
        self.look()
        return value

    def line(self, volume: str) -> str:
        return self.lines.get(volume, volume)

    def mounts(self) -> Iterator[tuple[str, str]]:
        for box in self.boxes.values():
            for machine, held in box.machines.items():
                for volume in held.told["volumes"] if held.running else ():
                    yield self.line(volume), f"{machine} on {box.name}"

    def look(self) -> None:
        """Invariant 2, as it is in truth."""
        users = Counter(line for line, _ in self.mounts())
        double = {line for line, count in users.items() if count > 1}
        for line in double:
            self.wrong.append(f"2: {line} is mounted by {[who for each, who in self.mounts() if each == line]}")
