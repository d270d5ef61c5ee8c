"""migrate: move machines off a host that still lives; an app loses at most one of its machines at a time."""

from typing import Literal

from remediator.actions.effects import Migrate
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.host import LOST
from remediator.model.machine import Machine
from remediator.model.policy import Kind
from remediator.model.request import STOP_HANGS, Migration

TRIES = 3


class MigrateParams(Params):
    """Which machines move, and how many at once."""

    machines: Literal["all", "stateless"] = "all"
    at_once: int = 4


def plan(case: Case, params: MigrateParams) -> Planned:
    if case.host is not None and case.host.life in LOST:
        return Planned(waiting="it is gone: what ran there is another playbook's matter")
    here = [m for m in case.fleet.machines_on(case.target) if m.alive and not m.adopted]
    wanted = [m for m in here if m.stateless or params.machines == "all"]
    if not wanted:
        return Planned()
    moving, apps = case.fleet.moving()
    effects: list[Migrate] = []
    mine = case.fleet.moves_from(case.target)
    for machine in wanted if moving < params.at_once else ():
        wish = _wish(case, machine, mine)
        if wish and machine.app not in apps and moving + len(effects) < params.at_once:
            effects.append(wish)
            apps = apps | {machine.app}
    return Planned(tuple(effects), f"{len(wanted)} machines still here")


def _hangs(case: Case, tried: list[Migration]) -> bool:
    """Whether it could not be stopped there since this began."""
    return any(each.note == STOP_HANGS and each.asked_at >= case.remediation.opened_at for each in tried)


def _wish(case: Case, machine: Machine, mine: list[Migration]) -> Migrate | None:
    """A new move, unless one is open or three have failed; what hangs on a wedged host hangs again."""
    if case.fleet.open_operation(f"create:{machine.id}"):
        # A stop would overtake its start: it would run here while it is carried away.
        return None
    tried = [migration for migration in mine if migration.machine == machine.id]
    # What its owner had made anew elsewhere, and was not, is no try of ours.
    ours = sum(migration.anew is None for migration in tried)
    if any(migration.open for migration in tried) or ours >= TRIES or _hangs(case, tried):
        return None
    return Migrate(machine.id, case.target, case.playbook.name, ours)


MIGRATE = ActionSpec("migrate", Kind.ADDITIVE, "host", MigrateParams, plan)
