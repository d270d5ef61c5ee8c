"""burst_provision: ask for the hosts that unmet demands really need, once."""

import re

from remediator.actions.burst_limits import STUCK, Allowed, allowed, said
from remediator.actions.effects import Effect, GiveUpDemands, Provision
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.decision import Hold
from remediator.model.host import Capacity
from remediator.model.policy import Kind
from remediator.model.request import Burst, BurstStage, Demand

TOO_LARGE = "DemandTooLarge"


class BurstProvisionParams(Params):
    """The shape of a host to ask for and its price, a hedge in hosts, and the most hosts one request may name."""

    hedge: int = 0
    max_hosts: int = 10
    cpus: float = 4
    memory_mb: int = 4096
    disk_mb: int = 1024
    price: float = 0.0


def plan(case: Case, params: BurstProvisionParams) -> Planned | Hold:
    shape = Capacity(params.cpus, params.memory_mb, params.disk_mb)
    demands = [d for d in case.fleet.demands.values() if d.region == case.target]
    bursts = [b for b in case.fleet.bursts.values() if b.region == case.target]
    fitting = [demand for demand in demands if demand.size.fits(shape)]
    # No host that may be asked for holds the others: they wait for nobody, and nobody waits for them.
    may = allowed(case, fitting, shape, params.hedge, params.price)
    too_large = _given_up([demand for demand in demands if demand not in fitting], shape, case)
    given_up = (*too_large, *may.given_up)
    unsaid = tuple(word for word in may.given_up if not said(case, word))
    told = not too_large or any(not burst.hosts and _lately(case, burst) for burst in bursts)
    saying = unsaid if told else (*too_large, *unsaid)
    if any(burst.open for burst in bursts):
        return Planned(saying, "a burst request is under way")
    asking = _asking(may, bursts, shape, case, params)
    if isinstance(asking, Hold):
        return Planned(saying) if saying else asking
    effects: tuple[Effect, ...] = (*saying, *asking)
    if effects:
        return Planned(effects, "hosts were asked for" if asking else "")
    return Hold(TOO_LARGE if too_large else STUCK, given_up[0].why) if given_up else Planned()


def _asking(
    may: Allowed, bursts: list[Burst], shape: Capacity, case: Case, params: BurstProvisionParams
) -> tuple[Provision, ...] | Hold:
    if not may.demands:
        return ()
    if stuck := [burst for burst in bursts if burst.hosts and _lately(case, burst)]:
        left = max((each.moved_at or case.now) + case.playbook.cooldown - case.now for each in stuck)
        again = f"they are asked for again in {left.total_seconds():.0f} s, after the cooldown"
        return Hold("BurstStuck", f"the last request for hosts is stuck: {stuck[-1].note}; {again}")
    keys = tuple(sorted(demand.key for demand in may.demands))
    return (Provision(case.target, min(may.hosts, params.max_hosts), shape, keys, _round(case)),)


def _given_up(demands: list[Demand], shape: Capacity, case: Case) -> tuple[GiveUpDemands, ...]:
    """One word for all of them, and why, by the largest."""
    if not demands:
        return ()
    largest = max(demands, key=lambda demand: (demand.size.memory_mb, demand.size.cpus, demand.size.disk_mb))
    why = f"no host of {_told(shape)} holds what {largest.app} asks for: {_told(largest.size)}"
    return (GiveUpDemands(case.target, shape, tuple(sorted(demand.key for demand in demands)), why),)


def _told(size: Capacity) -> str:
    return f"{size.cpus:g} cpus, {size.memory_mb} MB of memory, {size.disk_mb} MB of disk"


def _lately(case: Case, burst: Burst) -> bool:
    """Whether it got stuck within the cooldown."""
    stuck = burst.stage is BurstStage.STUCK and burst.moved_at is not None
    return stuck and case.now - (burst.moved_at or case.now) < case.playbook.cooldown


def _round(case: Case) -> int:
    """A number that no burst host of the region bears, nor ever bore while we know of it."""
    asked = (name for burst in case.fleet.bursts.values() for name in burst.names)
    names = [*case.fleet.hosts, *case.fleet.loans, *asked]
    found = [re.match(rf"{re.escape(case.target)}-burst(\d+)-", name) for name in names]
    return 1 + max((int(match[1]) for match in found if match), default=0)


BURST_PROVISION = ActionSpec("burst_provision", Kind.ADDITIVE, "region", BurstProvisionParams, plan)
