"""The fault language at work: what each kind does to the world when it begins, and when it ends."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from remediator.model.evidence import Outcome
from remediator.simulate.world.bodies import REMEDIATOR, Body, Cut
from remediator.simulate.world.ground import Ground
from remediator.simulate.world.record import Happened, Span
from remediator.simulate.world.senses import Senses
from remediator.simulate.world.store import Store
from remediator.simulate.world.story import Fault

# How long what ends by itself lasts, where a story does not say.
LASTS = {
    "agent_crash": 3.0, "nic_reset": 8.0, "switch_reload": 60.0, "reboot": 1.0, "reimage": 1.0,
    "remediator_crash": 5.0, "restored_journal": 5.0, "clock_jump": 0.0,
}  # fmt: skip
SIGNALS = {
    "wedge": "HostWedged", "disk_full": "HostDiskFull", "flap": "HostNetworkFlapping",
    "exporter_crash": "HostUnscraped", "label_rename": "HostLabelDrift", "agent_crash": "HostAgentGone",
}  # fmt: skip
# What others hear of a host changes with these, though nothing happens to themselves.
FELT_BY_TARGETS = frozenset({"partition", "lying_vantage", "slow", "asymmetric_link"})


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a fault may touch."""

    ground: Ground
    senses: Senses
    store: Store

    def begins(self, fault: Fault) -> None:
        """The fault's first moment; its last one is planned."""
        queue = self.ground.queue
        self.senses.stir(self._concerned(fault))
        self.ground.log(f"fault: {told(fault)}")
        _BEGIN[fault.kind](self, fault)
        self._signal(fault, on=True)
        end = fault.span if fault.span is not None else LASTS.get(fault.kind)
        if end is not None and fault.kind in _END:
            queue.after(end, lambda: self._ends(fault))

    def _ends(self, fault: Fault) -> None:
        self.ground.log(f"over:  {told(fault)}")
        self.senses.stir(self._concerned(fault))
        _END[fault.kind](self, fault)
        self._signal(fault, on=False)

    def _concerned(self, fault: Fault) -> Iterable[str]:
        hosts = (*fault.hosts, *(host for host in fault.other if host != REMEDIATOR))
        return sorted(self.senses.seen_from(hosts)) if fault.kind in FELT_BY_TARGETS else hosts

    def _signal(self, fault: Fault, *, on: bool) -> None:
        name = fault.alert or SIGNALS.get(fault.kind, "")
        for host in fault.hosts if name else ():
            self.store.truth(name, {**self.store.labels_of(host), **fault.labels}, on=on)

    def trouble(self, fault: Fault, kind: str, by: int) -> None:
        def change(body: Body) -> None:
            body.troubles[kind] += by

        self.ground.change(fault.hosts, change)

    def vantages_on(self, hosts: Iterable[str]) -> list[str]:
        named = set(hosts)
        return [vantage for vantage, home in self.senses.living_on.items() if home in named]


def told(fault: Fault) -> str:
    """A fault in words."""
    parts = [fault.kind, ", ".join(fault.targets), fault.says, fault.alert]
    if fault.other:
        parts.append("from " + ", ".join(fault.other[:4]) + (" …" if len(fault.other) > 4 else ""))
    return " ".join(part for part in parts if part)


def happened(fault: Fault) -> Happened:
    end = fault.end if fault.end is not None else fault.at + LASTS.get(fault.kind, float("inf"))
    return Happened(fault.kind, fault.targets, Span(fault.at, end), fault.hosts)


Deed = Callable[[Scene, Fault], None]


def _troubled(kind: str, by: int) -> Deed:
    return lambda scene, fault: scene.trouble(fault, kind, by)


def _power(by: int) -> Deed:
    def deed(scene: Scene, fault: Fault) -> None:
        if fault.blind:
            scene.trouble(fault, "blind", by)
        scene.trouble(fault, "power", by)

    return deed


def _asymmetric(by: int) -> Deed:
    return lambda scene, fault: scene.trouble(fault, "mute" if fault.way == "out" else "deaf", by)


def _cut(fault: Fault) -> Cut:
    return Cut(frozenset(fault.hosts), frozenset(fault.other))


def _parted(scene: Scene, fault: Fault) -> None:
    scene.senses.stir(scene.ground.agents if not fault.other else ())
    scene.ground.network.cuts.append(_cut(fault))
    scene.ground.look_at(scene.ground.agents)


def _joined(scene: Scene, fault: Fault) -> None:
    scene.ground.network.cuts.remove(_cut(fault))
    scene.ground.look_at(scene.ground.agents)


def _switches(by: int) -> Deed:
    def deed(scene: Scene, fault: Fault) -> None:
        network = scene.ground.network
        for switch in {network.bodies[host].place.switch for host in fault.hosts}:
            network.switches[switch] += by
        scene.ground.look_at(fault.hosts)

    return deed


def _loss(on: bool) -> Deed:  # noqa: FBT001 - a table's entry
    def deed(scene: Scene, fault: Fault) -> None:
        def change(body: Body) -> None:
            body.loss = fault.amount if on else 0.0

        scene.ground.change(fault.hosts, change)

    return deed


def _flaps(scene: Scene, fault: Fault) -> None:
    queue = scene.ground.queue
    until = float("inf") if fault.end is None else fault.end

    def down() -> None:
        if queue.now < until:
            scene.trouble(fault, "link", 1)
            queue.after(fault.every * fault.down, up)

    def up() -> None:
        scene.trouble(fault, "link", -1)
        queue.after(fault.every * (1 - fault.down), down)

    down()


def _nothing(scene: Scene, fault: Fault) -> None:
    """It ends by itself."""


def _reimaged(scene: Scene, fault: Fault) -> None:
    def change(body: Body) -> None:
        body.data += "-new"
        body.troubles["power"] += 1

    scene.ground.change(fault.hosts, change)
    for host in fault.hosts:
        agent = scene.ground.agents[host]
        agent.machines.clear()
        agent.volumes.clear()
        agent.results.clear()


def _swapped(scene: Scene, fault: Fault) -> None:
    """The first host now goes by the second one's name, and the other way round."""
    ground = scene.ground
    one, other = fault.hosts[:2]
    bodies, agents = ground.network.bodies, ground.agents
    bodies[one].board, bodies[other].board = bodies[other].board or other, bodies[one].board or one
    scene.senses.swapped = {}
    for host in (one, other):
        ground.forget_runs(host)
    agents[one].machines, agents[other].machines = agents[other].machines, agents[one].machines
    for host in (one, other):
        agents[host].session = False
        ground.greet_soon(host, 0.5)
    ground.look_at((one, other))


def _lies(by: int) -> Deed:
    return lambda scene, fault: scene.trouble(fault, "lies", by)


def _vantages_lie(scene: Scene, fault: Fault) -> None:
    word = Outcome(fault.says or "silent")
    scene.senses.liars |= dict.fromkeys(scene.vantages_on(fault.hosts), word)


def _vantages_honest(scene: Scene, fault: Fault) -> None:
    for vantage in scene.vantages_on(fault.hosts):
        scene.senses.liars.pop(vantage, None)


def _clock(scene: Scene, fault: Fault) -> None:
    house = scene.ground.house
    house.clock_off += fault.amount
    house.judge.stepped(fault.amount)


def _outage(by: int) -> Deed:
    def deed(scene: Scene, _fault: Fault) -> None:
        scene.store.outages += by

    return deed


def _store(field: str, on: bool) -> Deed:  # noqa: FBT001 - a table's entry
    return lambda scene, fault: setattr(scene.store, field, fault.amount if on else 0.0)


def _messages(field: str, on: bool) -> Deed:  # noqa: FBT001 - a table's entry
    return lambda scene, fault: setattr(scene.ground.house, field, fault.amount if on else 0.0)


def _crash(scene: Scene, fault: Fault) -> None:
    house = scene.ground.house
    house.restart_after = fault.span if fault.span is not None else LASTS["remediator_crash"]
    house.judge.crash_at(fault.says)


def _restored(scene: Scene, fault: Fault) -> None:
    """Down, yesterday's journal put in place, up again."""
    house = scene.ground.house
    past = [journal for at, journal in house.kept if at <= scene.ground.queue.now - fault.amount]
    house.crash(fault.span if fault.span is not None else LASTS["restored_journal"])
    if past:
        house.judge.restore(past[-1])


def _provider(scene: Scene, fault: Fault) -> None:
    scene.ground.provider = fault.says


def _provider_well(scene: Scene, _fault: Fault) -> None:
    scene.ground.provider = ""


def _orchestrator(scene: Scene, fault: Fault) -> None:
    scene.ground.orchestrator = fault.says


def _orchestrator_well(scene: Scene, _fault: Fault) -> None:
    scene.ground.orchestrator = ""


_BEGIN: dict[str, Deed] = {
    "power": _power(1),
    "link": _troubled("link", 1),
    "asymmetric_link": _asymmetric(1),
    "partition": _parted,
    "agent_crash": _troubled("agent", 1),
    "wedge": _troubled("wedge", 1),
    "disk_full": _troubled("full", 1),
    "slow": _loss(on=True),
    "flap": _flaps,
    "nic_reset": _troubled("link", 1),
    "switch_reload": _switches(1),
    "reboot": _troubled("power", 1),
    "pause": _troubled("pause", 1),
    "exporter_crash": _troubled("exporter", 1),
    "label_rename": _troubled("renamed", 1),
    "name_swap": _swapped,
    "reimage": _reimaged,
    "lying_agent": _lies(1),
    "lying_vantage": _vantages_lie,
    "signal": _nothing,
    "clock_jump": _clock,
    "store_outage": _outage(1),
    "store_lag": _store("lag", on=True),
    "partial_data": _store("missing", on=True),
    "future_data": _store("ahead", on=True),
    "restored_journal": _restored,
    "remediator_crash": _crash,
    "remediator_pause": lambda scene, _fault: scene.ground.house.pause(),
    "duplicate_events": _messages("duplicates", on=True),
    "reordered_events": _messages("reordered", on=True),
    "provider": _provider,
    "orchestrator": _orchestrator,
}
_END: dict[str, Deed] = {
    "power": _power(-1),
    "link": _troubled("link", -1),
    "asymmetric_link": _asymmetric(-1),
    "partition": _joined,
    "agent_crash": _troubled("agent", -1),
    "wedge": _troubled("wedge", -1),
    "disk_full": _troubled("full", -1),
    "slow": _loss(on=False),
    "flap": _nothing,
    "nic_reset": _troubled("link", -1),
    "switch_reload": _switches(-1),
    "reboot": _troubled("power", -1),
    "pause": _troubled("pause", -1),
    "exporter_crash": _troubled("exporter", -1),
    "label_rename": _troubled("renamed", -1),
    "reimage": _troubled("power", -1),
    "lying_agent": _lies(-1),
    "lying_vantage": _vantages_honest,
    "signal": _nothing,
    "store_outage": _outage(-1),
    "store_lag": _store("lag", on=False),
    "partial_data": _store("missing", on=False),
    "future_data": _store("ahead", on=False),
    "remediator_pause": lambda scene, _fault: scene.ground.house.resume(),
    "duplicate_events": _messages("duplicates", on=False),
    "reordered_events": _messages("reordered", on=False),
    "provider": _provider_well,
    "orchestrator": _orchestrator_well,
}
