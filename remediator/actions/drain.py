"""drain: empty a host that still lives: no new work comes, and its machines move away, an app's one at a time."""

from dataclasses import replace
from typing import Literal

from remediator.actions import cordon, migrate
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.policy import Kind


class DrainParams(Params):
    """Which machines move, and how many at once."""

    machines: Literal["all", "stateless"] = "all"
    at_once: int = 4


def plan(case: Case, params: DrainParams) -> Planned:
    closing = cordon.plan_cordon(case, cordon.CordonParams())
    moving = migrate.plan(case, migrate.MigrateParams(machines=params.machines, at_once=params.at_once))
    return replace(moving, effects=(*closing.effects, *moving.effects))


DRAIN = ActionSpec("drain", Kind.ADDITIVE, "host", DrainParams, plan)
