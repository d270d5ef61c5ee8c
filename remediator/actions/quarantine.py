"""quarantine: hold the machines of an app whose last two hosts died soon after they started there."""

from remediator.actions.effects import Quarantine
from remediator.actions.fields import Duration
from remediator.actions.poison import poisoned
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.machine import Machine
from remediator.model.policy import Kind


class QuarantineParams(Params):
    """``within`` is how soon after a machine's start its host's death is laid at its door; as limits.yml says."""

    within: Duration | None = None


def plan(case: Case, params: QuarantineParams) -> Planned:
    mine = [m for m in case.fleet.machines.values() if case.target in (m.app, m.id) and m.alive]
    return Planned(tuple(wish for machine in mine if (wish := _wish(case, machine, params))))


def _wish(case: Case, machine: Machine, params: QuarantineParams) -> Quarantine | None:
    within = case.limits.poison if params.within is None else params.within
    why = "" if machine.quarantined else poisoned(case.fleet, machine, within)
    return Quarantine(machine.id, why) if why else None


# It starts, stops and moves nothing: it only keeps a machine from being started anew.
QUARANTINE = ActionSpec("quarantine", Kind.TELLING, "app", QuarantineParams, plan)
