"""The guard ``capacity``: before a host is emptied, proof that all of its machines fit elsewhere. PURE.

Where a playbook requires it, nothing is moved before a dry placement has found room for everything; what has none is
a demand, so that hosts are bought first.
"""

from remediator.actions.effects import Migrate, Placeable
from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts, Guard
from remediator.engine.machines.placement import placed
from remediator.model.decision import Hold

REASON = "NoCapacity"
_EMPTYING = frozenset({"drain", "migrate"})


def _read(case: Case) -> Facts | None:
    if case.playbook.capacity != "proof" or case.action not in _EMPTYING or case.action in case.remediation.steps:
        return None
    moves = _moves(case)
    return {"machines": len(moves), "without": len(placed(moves, case.fleet)[1]), "region": case.region}


def _judge(facts: Facts) -> Hold | None:
    if not facts["without"]:
        return None
    told = f"{facts['without']} of {facts['machines']} machines have no room in {facts['region']}: hosts come first"
    return Hold(REASON, told, {name: facts[name] for name in ("machines", "without")})


def _moves(case: Case) -> tuple[Migrate, ...]:
    here = [machine for machine in case.fleet.machines_on(case.target) if machine.alive and not machine.adopted]
    return tuple(Migrate(machine.id, case.target, case.playbook.name) for machine in here)


def missing(case: Case) -> tuple[Placeable, ...]:
    """The machines of the target that have no room elsewhere."""
    return placed(_moves(case), case.fleet)[1]


capacity = Guard("capacity", _read, _judge)
