"""Stories: a fleet, what befalls it and what is asked of it, read from YAML or made by a campaign."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from remediator.model.errors import BadInput, Problem
from remediator.model.host import Capacity
from remediator.policy.problems import did_you_mean, validate
from remediator.policy.yaml.positions import Document, Where, read_document
from remediator.simulate.scenarios.schema import MachineFields
from remediator.simulate.world.schema import ON_HOSTS, AskFields, FaultFields, GridFields, StoryFile
from remediator.simulate.world.topology import ROOM, Topology, grid, placed

REMEDIATOR = "remediator"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, its targets found: ``span`` None lasts to the end. What a field means is its kind's affair."""

    kind: str
    at: float
    span: float | None
    hosts: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    # The other side of a partition, hosts and ``remediator``; empty is everything else.
    other: tuple[str, ...] = ()
    amount: float = 0.0
    every: float = 10.0
    down: float = 0.5
    way: str = "out"
    says: str = ""
    alert: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    blind: bool = False
    line: int = 0

    @property
    def end(self) -> float | None:
        return None if self.span is None else self.at + self.span


@dataclass(frozen=True, slots=True)
class Wish:
    """Something asked for at a moment; ``hosts`` and ``machines`` as they are named."""

    kind: str
    at: float
    subjects: tuple[str, ...]
    by: str = "owner"
    span: float | None = None
    count: int = 1
    region: str = ""
    memory_mb: int = 256


@dataclass(frozen=True, slots=True)
class Workload:
    """A machine of the beginning, on its host."""

    name: str
    host: str
    app: str = "web"
    cpus: int = 1
    memory_mb: int = 256
    volume: bool = False
    # Age of its volume's newest snapshot in seconds; None if there is none.
    snapshot: float | None = None
    recoverable: bool = True
    state: str = "started"
    # Its app's word where else it may run.
    other_regions: str = ""
    # Whom it stands by for, itself stopped.
    standbys: tuple[str, ...] = ()

    @property
    def config(self) -> dict[str, object]:
        """What is kept of its configuration."""
        guest: dict[str, object] = {"guest": {"cpus": self.cpus, "memory_mb": self.memory_mb}}
        guest |= {"standbys": list(self.standbys)} if self.standbys else {}
        return {**guest, "metadata": {"other_regions": self.other_regions}} if self.other_regions else guest


@dataclass(frozen=True, slots=True)
class Story:
    """All that a run hangs on, but for the judge; ``seed`` feeds every chance in it."""

    name: str
    topology: Topology
    workloads: tuple[Workload, ...]
    faults: tuple[Fault, ...]
    wishes: tuple[Wish, ...] = ()
    seconds: float = 300.0
    seed: int = 1
    cordoned: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    on_return: dict[str, str] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)
    # Whether an orchestrator is set that can cut hosts off.
    orchestrator: bool = False


def read_story(path: Path) -> Story:
    """One scenario.yaml.

    Raises:
        BadInput: with everything that is wrong, each with its place.
    """
    document = read_document(path)
    fields, problems = validate(StoryFile, document)
    if fields is None:
        raise BadInput(problems)
    topology = _topology(fields)
    problems = list(_Checks(document, topology, fields).all())
    if problems:
        raise BadInput(sorted(problems))
    faults = [_fault(each, topology, document.place(("faults", n)).line) for n, each in enumerate(fields.faults)]
    return Story(
        name=path.parent.name,
        topology=topology,
        workloads=tuple(_workloads(fields, topology)),
        faults=tuple(faults),
        wishes=tuple(_wish(each) for each in fields.asks),
        seconds=fields.until.total_seconds(),
        seed=fields.seed,
        cordoned=dict(fields.cordoned),
        modes=dict(fields.modes),
        on_return=dict(fields.on_return),
        bounds=dict(fields.score),
        orchestrator=fields.orchestrator,
    )


def _topology(fields: StoryFile) -> Topology:
    if fields.hosts is not None:
        made = placed(fields.hosts, bmc=fields.bmc)
    else:
        shape = fields.grid or GridFields()
        made = grid(shape.regions, shape.racks, shape.hosts, bmc=fields.bmc)
    places = {
        name: replace(
            place,
            capacity=Capacity() if name in fields.full else ROOM,
            labels={**place.labels, **fields.labels.get(name, {})},
            version=fields.labels.get(name, {}).get("version", place.version),
        )
        for name, place in made.places.items()
    }
    return Topology(places, made.vantages if fields.vantages is None else dict(fields.vantages))


def _workloads(fields: StoryFile, topology: Topology) -> Iterator[Workload]:
    for host, machines in fields.machines.items():
        yield from (_workload(host, machine) for machine in machines)
    if fields.grid is not None:
        yield from fleet_of(topology, fields.grid.machines, fields.grid.volumes)


def fleet_of(topology: Topology, each: int, volumes: float) -> Iterator[Workload]:
    """So many machines on each host, an app over every few racks; the share ``volumes`` of them have one."""
    for index, host in enumerate(topology.places):
        for number in range(1, each + 1):
            stateful = volumes > 0 and (index * each + number) % max(1, round(1 / volumes)) == 0
            name = f"{host}.{number}"
            yield Workload(
                name, host, f"app{(index + number) % 7}", volume=stateful, snapshot=600.0 if stateful else None
            )


def _workload(host: str, fields: MachineFields) -> Workload:
    age = None if fields.snapshot is None else fields.snapshot.total_seconds()
    return Workload(
        fields.name, host, fields.app, fields.cpus, fields.memory_mb, fields.volume or age is not None, age,
        fields.recoverable, fields.state, fields.other_regions, tuple(fields.standbys),
    )  # fmt: skip


def _fault(fields: FaultFields, topology: Topology, line: int) -> Fault:
    given = getattr(fields, fields.kind)
    targets = tuple(given) if fields.kind in ON_HOSTS else ()
    amount = (
        given.total_seconds() if isinstance(given, timedelta) else given if isinstance(given, float) else fields.loss
    )
    return Fault(
        kind=fields.kind,
        at=fields.at.total_seconds(),
        span=None if fields.for_ is None else fields.for_.total_seconds(),
        hosts=_members(topology, targets),
        targets=targets,
        other=_others(topology, fields.from_ or ()),
        amount=-amount if fields.back else amount,
        every=fields.every.total_seconds(),
        down=fields.down,
        way=fields.way,
        says=given if fields.kind in ("remediator_crash", "provider", "orchestrator") else fields.says,
        alert=fields.alert,
        labels=dict(fields.labels),
        blind=fields.blind,
        line=line,
    )


def _members(topology: Topology, targets: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(host for target in targets for host in topology.members(target)))


def _others(topology: Topology, targets: Collection[str]) -> tuple[str, ...]:
    house = (REMEDIATOR,) if REMEDIATOR in targets else ()
    return (*house, *_members(topology, targets))


def _wish(fields: AskFields) -> Wish:
    given = getattr(fields, fields.kind)
    subjects = tuple(given) if isinstance(given, list) else ("",) if given is True else (str(given),)
    span = None if fields.for_ is None else fields.for_.total_seconds()
    return Wish(
        fields.kind,
        fields.at.total_seconds(),
        subjects,
        fields.by,
        span,
        fields.count,
        fields.region,
        fields.memory_mb,
    )


class _Checks:
    """Names that must mean something."""

    def __init__(self, document: Document, topology: Topology, fields: StoryFile) -> None:
        self._document = document
        self._fields = fields
        self._topology = topology
        self._known = [*topology.names(), REMEDIATOR]
        self._machines = {machine.name for machine in _workloads(fields, topology)}

    def all(self) -> Iterator[Problem]:
        fields = self._fields
        if fields.hosts is not None and fields.grid is not None:
            yield self._document.problem(("grid",), "give hosts or grid, not both")
        for part in ("machines", "labels", "cordoned"):
            yield from self._hosts(part)
        for number, fault in enumerate(fields.faults):
            yield from self._fault(("faults", number), fault)
        for number, ask in enumerate(fields.asks):
            yield from self._ask(("asks", number), ask)

    def _hosts(self, part: str) -> Iterator[Problem]:
        for name in getattr(self._fields, part):
            if name not in self._topology.places:
                yield self._unknown((part, name), "host", name, self._topology.places, at_key=True)

    def _fault(self, where: Where, fault: FaultFields) -> Iterator[Problem]:
        if fault.kind in ON_HOSTS:
            yield from self._targets((*where, fault.kind), getattr(fault, fault.kind))
        if fault.from_:
            yield from self._targets((*where, "from"), fault.from_)
        if fault.at > self._fields.until:
            until = f"{self._fields.until.total_seconds():g} s"
            yield self._document.problem((*where, "at"), f"lies after the story's end (until {until})")

    def _targets(self, where: Where, targets: Collection[str]) -> Iterator[Problem]:
        for number, name in enumerate(targets):
            if name not in self._known:
                yield self._unknown((*where, number), "target", name, self._known)

    def _ask(self, where: Where, ask: AskFields) -> Iterator[Problem]:
        if ask.kind == "destroy":
            for number, name in enumerate(ask.destroy or ()):
                if name not in self._machines:
                    yield self._unknown((*where, "destroy", number), "machine", name, self._machines)

    def _unknown(
        self, where: Where, what: str, name: str, known: Collection[str], *, at_key: bool = False
    ) -> Problem:
        return self._document.problem(where, f"unknown {what} {name!r}{did_you_mean(name, known)}", at_key=at_key)
