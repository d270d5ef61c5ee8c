"""burst_provision: ask for the hosts that unmet demands really need, once."""

from remediator.actions.effects import Provision
from remediator.actions.packing import hosts_needed
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.host import Capacity
from remediator.model.policy import Kind


class BurstProvisionParams(Params):
    """The shape of a host to ask for, a hedge in hosts, and the most hosts one request may name."""

    hedge: int = 0
    max_hosts: int = 10
    cpus: float = 4
    memory_mb: int = 4096
    disk_mb: int = 1024


def plan(case: Case, params: BurstProvisionParams) -> Planned:
    demands = [d for d in case.fleet.demands.values() if d.region == case.target]
    bursts = [b for b in case.fleet.bursts.values() if b.region == case.target]
    if any(burst.open for burst in bursts):
        return Planned(waiting="a burst request is under way")
    if not demands:
        return Planned()
    shape = Capacity(params.cpus, params.memory_mb, params.disk_mb)
    count = min(hosts_needed(demands, shape) + params.hedge, params.max_hosts)
    keys = tuple(sorted(demand.key for demand in demands))
    return Planned((Provision(case.target, count, shape, keys, len(bursts)),), "hosts were asked for")


BURST_PROVISION = ActionSpec("burst_provision", Kind.ADDITIVE, "region", BurstProvisionParams, plan)
