"""The ceiling ``automatic_destroys``: how many more machines automatic decisions may destroy on one host now."""

from datetime import datetime

from remediator.actions.spec import Case
from remediator.model.machine import MachineState
from remediator.model.request import Destroy, Origin


def room(case: Case) -> int:
    """Counted as the host's agent counts it; what is still to be carried out counts already."""
    limits, since = case.limits, case.now - case.limits.automatic_destroys_per
    mine = [d for d in case.fleet.destroys.values() if d.host == case.target and d.origin is Origin.AUTOMATIC]
    spent = [d for d in mine if (d.open or (d.moved_at or d.asked_at) > since) and not _taken_back(case, d, since)]
    here = sum(machine.state is not MachineState.DESTROYED for machine in case.fleet.machines_on(case.target))
    return limits.automatic_destroys.of(here + sum(not destroy.open for destroy in spent)) - len(spent)


def _taken_back(case: Case, destroy: Destroy, since: datetime) -> bool:
    """What automatic decisions added a moment ago they may take back."""
    machine = case.fleet.machines.get(destroy.machine)
    return machine is not None and bool(machine.replaces) and machine.created_at > since
