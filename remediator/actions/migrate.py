"""migrate: move machines off a host that still lives; an app loses at most one of its machines at a time."""

from typing import Literal

from remediator.actions.effects import Migrate
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.machine import Machine
from remediator.model.policy import Kind


class MigrateParams(Params):
    """Which machines move, and how many at once."""

    machines: Literal["all", "stateless"] = "all"
    at_once: int = 4


def plan(case: Case, params: MigrateParams) -> Planned:
    here = [m for m in case.fleet.machines_on(case.target) if m.alive and not m.adopted]
    wanted = [m for m in here if m.stateless or params.machines == "all"]
    if not wanted:
        return Planned()
    moving = [migration for migration in case.fleet.migrations.values() if migration.open]
    apps = {migration.app for migration in moving}
    effects: list[Migrate] = []
    for machine in wanted:
        wish = _wish(case, machine)
        if wish and machine.app not in apps and len(moving) + len(effects) < params.at_once:
            effects.append(wish)
            apps.add(machine.app)
    return Planned(tuple(effects), f"{len(wanted)} machines still here")


def _wish(case: Case, machine: Machine) -> Migrate | None:
    """A new move, unless one is open or three have failed."""
    tried = [m for m in case.fleet.migrations.values() if m.machine == machine.id and m.source == case.target]
    if any(migration.open for migration in tried) or len(tried) >= 3:
        return None
    return Migrate(machine.id, case.target, case.playbook.name, len(tried))


MIGRATE = ActionSpec("migrate", Kind.ADDITIVE, "host", MigrateParams, plan)
