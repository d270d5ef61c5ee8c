"""Deciding over a large fleet: 10,000 hosts with 500 alerts, and every host as if it died now.

The fleet has ten regions of 25 racks of 40 hosts and twenty machines on each, 200,000 in all. Of its alerts 300 are
for living hosts, under the shipped playbooks, and 200 for hosts that died over the last hours in every place. Between
two decisions twenty hosts and twenty machines change, as between two looks of the loop. ``first`` is the decision
that begins all of it, which takes every slot there is; ``decide`` are those that follow; ``region`` is when a whole
region falls at once. Processor time is measured: of one thread, nothing waits.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

from remediator.actions import ACTIONS
from remediator.actions.effects import Migrate, Recreate
from remediator.engine.decide import Verdicts, decide
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.whatif import Assumptions, stage, whatif
from remediator.model.alert import Alert, AlertState
from remediator.model.evidence import Gate, Outcome, Sighting, Verdict, VerdictKind, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, HostStatus, Life
from remediator.model.layered import Layered
from remediator.model.machine import Machine, MachineState, Recovery, Sealed
from remediator.model.policy import Policy
from remediator.model.request import Migration
from remediator.policy.load import load_policy
from tests.bench.figure import Figure, at_most

T = TypeVar("T")
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
REGIONS, RACKS, HOSTS, MACHINES = 10, 25, 40, 20
DEAD, ALERTS, CHANGES = 200, 500, 20
DECIDE_MS, WHATIF_S = 50, 2
LIVING = ("host_disk_full", "host_memory_failing", "host_wedged", "host_overheating")
RULES = Path(__file__).resolve().parents[2] / "rules"


def host(number: int, region: int, rack: int) -> Host:
    """Every fiftieth of them has died, in no order of place or time."""
    known = Host(
        f"h{number:05}", f"region{region}", f"rack{rack}", NOW - timedelta(days=9), NOW - timedelta(days=9),
        labels={"switch": f"s{region}-{rack}", "kernel": "6.1", "model": f"m{number % 5}"},
        capacity=Capacity(64, 262_144, 1_000_000), version="0.9", epoch=1, joined=True,
    )  # fmt: skip
    if number % (REGIONS * RACKS * HOSTS // DEAD):
        return known
    died = NOW - timedelta(minutes=1 + number // (REGIONS * RACKS * HOSTS // DEAD) * 37 % DEAD)
    return replace(known, life=Life.DEAD, status=HostStatus.UNREACHABLE, since=died, status_since=died, died_at=died)


def machines_on(where: Host) -> list[Machine]:
    lost = where.life is Life.DEAD
    return [
        Machine(
            f"{where.name}-{n}", f"app{(int(where.name[1:]) * MACHINES + n) % 4000}", f"m{n}", where.region,
            where.name, "1", NOW, NOW, MachineState.STARTED, config={"guest": {"cpus": 1, "memory_mb": 512}},
            sealed=Sealed(f"{where.name}-{n}", "1", where.name, 1, "", "", ""),
            recovery=Recovery.SERVING if lost and where.died_at != NOW else Recovery.NONE,
        )
        for n in range(MACHINES)
    ]  # fmt: skip


def seen(where: Host) -> tuple[Sighting, Verdict]:
    lost = where.life is Life.DEAD
    outcome = Outcome.SILENT if lost else Outcome.OK
    racks = (where.rack, "rack-a", "rack-b")
    votes = tuple(Vote(f"p{n}", where.region, rack, outcome, NOW, where.since) for n, rack in enumerate(racks))
    kind, since = (VerdictKind.DEAD if lost else VerdictKind.ALIVE), where.since
    verdict = Verdict(where.name, kind, since, "", 3 * lost, 3, 2 * lost, since if lost else None, NOW)
    return Sighting(where.name, votes, since if lost else NOW, connected=not lost), verdict


def alerts_of(hosts: list[Host]) -> tuple[Alert, ...]:
    """One for each dead host, and as many more for living ones as there are to be."""
    lost = [("host_dead", each) for each in hosts if each.life is Life.DEAD]
    well = [each for each in hosts if each.life is not Life.DEAD][:: len(hosts) // ALERTS]
    living = [(LIVING[n % len(LIVING)], each) for n, each in enumerate(well[: ALERTS - len(lost)])]
    return tuple(
        Alert(f"{name}/{each.name}", name, {"host": each.name, "playbook": name, "severity": "warning"},
              AlertState.FIRING, NOW - timedelta(minutes=1), 1.0, last_seen=NOW, actionable=True)
        for name, each in (*lost, *living)
    )  # fmt: skip


def build_fleet() -> Fleet:
    numbers = count()
    hosts = [host(next(numbers), g, r) for g in range(REGIONS) for r in range(RACKS) for _ in range(HOSTS)]
    sights = [seen(each) for each in hosts]
    return Fleet(
        hosts=Layered({each.name: each for each in hosts}),
        machines=Layered({machine.id: machine for each in hosts for machine in machines_on(each)}),
        sightings={sighting.host: sighting for sighting, _ in sights},
        verdicts={verdict.host: verdict for _, verdict in sights},
        alerts=alerts_of(hosts),
        gate=Gate(open=True, reason="", since=NOW - timedelta(days=1)),
        term_began=NOW - timedelta(days=1),
    )


def region_lost(fleet: Fleet) -> Fleet:
    """All of region0 died four seconds ago."""
    died = NOW - timedelta(seconds=4)
    gone = {"life": Life.DEAD, "status": HostStatus.UNREACHABLE, "since": died, "status_since": died, "died_at": died}
    lost = {name: replace(each, **gone) for name, each in fleet.hosts.items() if each.region == "region0"}  # type: ignore[arg-type]
    verdicts = {name: seen(each)[1] for name, each in lost.items()}
    return replace(fleet, hosts=laid(fleet.hosts, lost), verdicts={**fleet.verdicts, **verdicts})


def timed(do: Callable[[], object]) -> float:
    began = time.process_time()
    do()
    return time.process_time() - began


def decided(policy: Policy, fleet: Fleet) -> Verdicts:
    return decide(policy, ACTIONS, "host_dead", fleet, NOW)


def begun(policy: Policy, fleet: Fleet) -> Fleet:
    """As the first decision leaves it: remediations are open, what was recreated or moved is on its way."""
    found = decided(policy, fleet)
    opened = {**fleet.remediations, **{each.key: each for each in found.remediations}}
    wishes = [effect for _, effects in found.decisions for effect in effects]
    made = [wish.machine for wish in wishes if isinstance(wish, Recreate)]
    placed = {name: replace(fleet.machines[name], recovery=Recovery.PLACED) for name in made}
    moves = {wish.key: moving(wish, fleet) for wish in wishes if isinstance(wish, Migrate)}
    return replace(fleet, remediations=opened, machines=laid(fleet.machines, placed), migrations=moves)


def moving(wish: Migrate, fleet: Fleet) -> Migration:
    return Migration(wish.key, wish.machine, fleet.machines[wish.machine].app, wish.source, wish.target, NOW, "")


def laid(rows: Mapping[str, T], changes: Mapping[str, T | None]) -> Mapping[str, T]:
    return (rows if isinstance(rows, Layered) else Layered(rows)).with_changes(changes)


def looked_again(fleet: Fleet, number: int) -> Fleet:
    """The next look: a few rows have been written since."""
    some = [f"h{(number * CHANGES + n) * 7 % (REGIONS * RACKS * HOSTS):05}" for n in range(CHANGES)]
    hosts = {name: replace(fleet.hosts[name], status_since=NOW) for name in some}
    machines = {f"{name}-0": replace(fleet.machines[f"{name}-0"], updated_at=NOW) for name in some}
    return replace(fleet, hosts=laid(fleet.hosts, hosts), machines=laid(fleet.machines, machines))


def figures(runs: int) -> list[Figure]:
    """The medians and the slowest of ``10 * runs`` decisions; of ``whatif`` the median of ``runs`` looks."""
    policy, fleet = load_policy(RULES, ACTIONS), build_fleet()
    told = decided(policy, fleet).decisions
    first = [1000 * timed(partial(decided, policy, looked_again(fleet, n))) for n in range(runs)]
    after = begun(policy, fleet)
    usual = [1000 * timed(partial(decided, policy, looked_again(after, n))) for n in range(10 * runs)]
    fallen = region_lost(fleet)
    region = [1000 * timed(partial(decided, policy, fallen)) for _ in range(runs)]
    assumed = Assumptions(policy, ACTIONS, "host_dead", LifeTimes())
    looks = [timed(lambda: list(whatif(assumed, stage(fleet), NOW))) for _ in range(runs)]
    return [
        at_most("engine_decide", statistics.median(usual), "ms", DECIDE_MS),
        Figure("engine_decide_slowest", max(usual), "ms", f"of {len(usual)}", holds=True),
        Figure("engine_decide_first", statistics.median(first), "ms", f"of {len(first)}", holds=True),
        Figure("engine_decide_decisions", len(told), "decisions", f">= {ALERTS}", holds=len(told) >= ALERTS),
        Figure("engine_decide_region", statistics.median(region), "ms", f"of {len(region)}", holds=True),
        at_most("engine_whatif", statistics.median(looks), "s", WHATIF_S),
    ]
