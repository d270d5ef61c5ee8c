"""condemn: queue the destroy of originals whose replacement stands. It kills, so it waits for patience or proof."""

from typing import Literal

from remediator.actions.effects import Condemn
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.host import Fence
from remediator.model.machine import Machine, Recovery
from remediator.model.policy import Kind


class CondemnParams(Params):
    """``after`` is the word patience, whose length limits.yml sets."""

    machines: Literal["replaced"] = "replaced"
    after: Literal["patience"] = "patience"


def plan(case: Case, params: CondemnParams) -> Planned:  # noqa: ARG001
    living = [m for m in case.fleet.machines_on(case.target) if m.alive and not m.adopted]
    replaced = [machine for machine in living if _replaced(case, machine)]
    if not replaced or case.host is None or case.host.died_at is None:
        return Planned(waiting=f"{len(living)} machines have no replacement that serves" if living else "")
    if case.host.fence is Fence.PROVED:
        return Planned(tuple(Condemn(m.id, f"replaced; power-off proved by {case.host.fence_by}") for m in replaced))
    # Patience is earned in our own term: a pause, a restart or a stepped clock must not shorten it.
    since = max(case.host.died_at, case.fleet.term_began or case.host.died_at)
    left = since + case.limits.patience - case.now
    if left.total_seconds() > 0:
        return Planned(waiting=f"patience: {left.total_seconds():.0f} s left")
    why = f"replaced, and its host stayed away for {case.limits.patience.total_seconds():.0f} s"
    return Planned(tuple(Condemn(machine.id, why) for machine in replaced))


def _replaced(case: Case, machine: Machine) -> bool:
    return machine.recovery is Recovery.SERVING and case.fleet.served_elsewhere(machine)


CONDEMN = ActionSpec("condemn", Kind.DESTRUCTIVE, "host", CondemnParams, plan)
