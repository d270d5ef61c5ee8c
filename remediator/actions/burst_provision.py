"""burst_provision: ask for the hosts that unmet demands really need, once."""

import re
from datetime import datetime

from remediator.actions.effects import Provision
from remediator.actions.packing import hosts_needed
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.decision import Hold
from remediator.model.host import Capacity
from remediator.model.policy import Kind
from remediator.model.request import BurstStage


class BurstProvisionParams(Params):
    """The shape of a host to ask for, a hedge in hosts, and the most hosts one request may name."""

    hedge: int = 0
    max_hosts: int = 10
    cpus: float = 4
    memory_mb: int = 4096
    disk_mb: int = 1024


def plan(case: Case, params: BurstProvisionParams) -> Planned | Hold:
    demands = [d for d in case.fleet.demands.values() if d.region == case.target]
    bursts = [b for b in case.fleet.bursts.values() if b.region == case.target]
    if any(burst.open for burst in bursts):
        return Planned(waiting="a burst request is under way")
    stuck = [b for b in bursts if b.stage is BurstStage.STUCK and b.moved_at and _lately(case, b.moved_at)]
    if demands and stuck:
        left = max((each.moved_at or case.now) + case.playbook.cooldown - case.now for each in stuck)
        again = f"they are asked for again in {left.total_seconds():.0f} s, after the cooldown"
        return Hold("BurstStuck", f"the last request for hosts is stuck: {stuck[-1].note}; {again}")
    if not demands:
        return Planned()
    shape = Capacity(params.cpus, params.memory_mb, params.disk_mb)
    count = min(hosts_needed(demands, shape) + params.hedge, params.max_hosts)
    keys = tuple(sorted(demand.key for demand in demands))
    return Planned((Provision(case.target, count, shape, keys, _round(case)),), "hosts were asked for")


def _lately(case: Case, moved_at: datetime) -> bool:
    return case.now - moved_at < case.playbook.cooldown


def _round(case: Case) -> int:
    """A number that no burst host of the region bears, nor ever bore while we know of it."""
    names = [*case.fleet.hosts, *(name for burst in case.fleet.bursts.values() for name in burst.names)]
    found = [re.match(rf"{re.escape(case.target)}-burst(\d+)-", name) for name in names]
    return 1 + max((int(match[1]) for match in found if match), default=0)


BURST_PROVISION = ActionSpec("burst_provision", Kind.ADDITIVE, "region", BurstProvisionParams, plan)
