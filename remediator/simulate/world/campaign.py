"""Random stories by seed: the same seed and shape give the same story."""

from collections.abc import Callable
from random import Random

from remediator.simulate.world.story import REMEDIATOR, Fault, Story, Wish, fleet_of
from remediator.simulate.world.topology import Topology, grid

MOST_FAULTS = 20
RACK = 20
# How often each kind comes; what befalls single hosts is commonest, as in life.
WEIGHTS = {
    "power": 10, "link": 10, "reboot": 8, "nic_reset": 6, "flap": 5, "agent_crash": 6, "asymmetric_link": 3,
    "partition": 3, "switch_reload": 3, "rack_power": 2, "wedge": 3, "disk_full": 2, "slow": 3, "pause": 3,
    "reimage": 1, "exporter_crash": 2, "label_rename": 1, "lying_agent": 1, "lying_vantage": 2, "clock_jump": 2,
    "store_outage": 4, "store_lag": 2, "partial_data": 2, "future_data": 1, "restored_journal": 1,
    "remediator_crash": 4, "remediator_pause": 2, "duplicate_events": 2, "reordered_events": 2,
}  # fmt: skip
STEPS = ("before_commit", "after_commit", "before_send", "after_send", "before_outcome")


def random_story(seed: int, hosts: int = 200, minutes: float = 10.0, faults: int | None = None) -> Story:
    """``hosts`` in racks of twenty over two regions and more, two machines each, and 1–20 faults that overlap."""
    chance = Random(seed)  # noqa: S311 - the same chances each time are the point
    topology = _fleet(hosts)
    seconds = minutes * 60
    count = chance.randint(1, MOST_FAULTS) if faults is None else faults
    kinds = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
    made = [_fault(kind, topology, seconds, chance) for kind in kinds]
    workloads = tuple(fleet_of(topology, 2, 0.1))
    wishes = [
        Wish("destroy", round(chance.uniform(5, seconds - 60), 1), (chance.choice(workloads).name,))
        for _ in range(chance.randint(0, 6))
    ]
    # A person looks at what an older journal does not know, and accepts it.
    restored = [fault for fault in made if fault.kind == "restored_journal"]
    wishes += [Wish("reconcile", fault.at + (fault.span or 0.0) + 60.0, ("",), "operator") for fault in restored]
    return Story(
        f"campaign-{seed}",
        topology,
        workloads,
        tuple(sorted(made, key=lambda fault: fault.at)),
        tuple(wishes),
        seconds,
        seed,
    )


def _fleet(hosts: int) -> Topology:
    regions = 2 if hosts <= 1000 else 4
    in_rack = max(2, min(RACK, hosts // (regions * 3)))
    racks = max(1, -(-hosts // (regions * in_rack)))
    return grid(regions, racks, in_rack, bmc=True)


def _fault(kind: str, topology: Topology, seconds: float, chance: Random) -> Fault:
    at = round(chance.uniform(2.0, seconds * 0.7), 2)
    span = round(min(seconds, chance.choice((2.0, 8.0, 20.0, 45.0, 90.0, 180.0)) * chance.uniform(0.5, 1.5)), 2)
    make = _MAKERS.get(kind, _on_one)
    return make(kind, at, span, topology, chance)


Maker = Callable[[str, float, float, Topology, Random], Fault]


def _on_one(kind: str, at: float, span: float, topology: Topology, chance: Random) -> Fault:
    host = chance.choice(list(topology.places))
    loss, every = round(chance.uniform(0.05, 0.6), 2), round(chance.uniform(2.0, 20.0), 1)
    ends = None if kind in ("reboot", "nic_reset", "reimage") else span
    return Fault(kind, at, ends, (host,), (host,), amount=loss, every=every, way=chance.choice(("in", "out")))


def _on_rack(kind: str, at: float, span: float, topology: Topology, chance: Random) -> Fault:
    target = f"rack:{chance.choice(sorted({place.rack for place in topology.places.values()}))}"
    real = "power" if kind == "rack_power" else kind
    return Fault(real, at, span, topology.members(target), (target,))


def _partition(kind: str, at: float, span: float, topology: Topology, chance: Random) -> Fault:
    groups = sorted({f"rack:{place.rack}" for place in topology.places.values()})
    groups += sorted({f"region:{place.region}" for place in topology.places.values()})
    one = chance.choice(groups)
    other: tuple[str, ...] = ()
    if chance.random() < 0.5:
        other = (REMEDIATOR,)
    elif chance.random() < 0.5:
        other = topology.members(chance.choice([group for group in groups if group != one]))
    side = topology.members(one)
    return Fault(kind, at, span, side, (one,), tuple(host for host in other if host not in side))


def _liar(kind: str, at: float, span: float, topology: Topology, chance: Random) -> Fault:
    vantage = chance.choice(sorted(topology.vantages))
    word = chance.choice(("silent", "ok", "refused"))
    return Fault(kind, at, span, (topology.vantages[vantage],), (f"vantage:{vantage}",), says=word)


def _on_house(kind: str, at: float, span: float, topology: Topology, chance: Random) -> Fault:  # noqa: ARG001
    amounts = {
        "clock_jump": chance.choice((-1, 1)) * chance.uniform(2.0, 300.0),
        "store_lag": chance.uniform(5.0, 60.0),
        "future_data": chance.uniform(3.0, 60.0),
        "restored_journal": chance.uniform(10.0, 300.0),
    }
    amount = round(amounts.get(kind, chance.uniform(0.1, 0.6)), 2)
    says = chance.choice(STEPS) if kind == "remediator_crash" else ""
    lasts = min(span, 60.0) if kind in ("remediator_crash", "remediator_pause", "restored_journal") else span
    return Fault(kind, at, lasts, amount=amount, says=says)


_MAKERS: dict[str, Maker] = {
    "rack_power": _on_rack,
    "switch_reload": _on_rack,
    "partition": _partition,
    "lying_vantage": _liar,
    **dict.fromkeys(
        (
            "clock_jump", "store_outage", "store_lag", "partial_data", "future_data", "restored_journal",
            "remediator_crash", "remediator_pause", "duplicate_events", "reordered_events",
        ),
        _on_house,
    ),
}  # fmt: skip
