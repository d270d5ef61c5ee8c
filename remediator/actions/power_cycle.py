"""power_cycle: off and on again, for a host that answers and whose kernel hangs; what could leave has left before."""

from datetime import timedelta

from remediator.actions.effects import PowerCycle
from remediator.actions.fence import operations_of
from remediator.actions.fields import Duration
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.evidence import VerdictKind
from remediator.model.host import LOST
from remediator.model.policy import Kind
from remediator.model.request import Operation, Stage

VERB = "power_cycle"


class PowerCycleParams(Params):
    """``after`` is how long machines may take to leave it first; a failed try is repeated after ``retry``."""

    after: Duration = timedelta(minutes=10)
    retry: Duration = timedelta(minutes=5)


def plan(case: Case, params: PowerCycleParams) -> Planned:
    host = case.host
    if host is None or host.life in LOST:
        return Planned(waiting="it is gone: its power is another playbook's matter")
    tried = operations_of(case, VERB)
    last = max(tried, key=lambda operation: operation.written_at, default=None)
    if last is not None and last.stage is Stage.DONE:
        return Planned()
    if not _wedged(case):
        return Planned()
    if waits := _waits(case, params, last):
        return Planned(waiting=waits)
    return Planned((PowerCycle(host.name, case.epoch, host.identity.uuid, host.boot_id, len(tried)),))


def _wedged(case: Case) -> bool:
    """The second witness beside the rule: the verdict, and one who says so that does not read the store."""
    verdict, sighting = case.fleet.verdicts.get(case.target), case.fleet.sightings.get(case.target)
    if verdict is None or sighting is None or verdict.kind is not VerdictKind.WEDGED:
        return False
    return any(claim.kind is VerdictKind.WEDGED and claim.by != "store" for claim in sighting.claims)


def _waits(case: Case, params: PowerCycleParams, last: Operation | None) -> str:
    """Why not yet; empty when it may be done now."""
    if last is not None and last.open:
        return f"under way{f' ({last.error})' if last.error else ''}"
    if last is not None and case.now - last.written_at < params.retry:
        return f"failed: {last.error}"
    leaving = _leaving(case)
    if leaving and case.now - case.remediation.opened_at < params.after:
        return f"{leaving} machines are still leaving it"
    if case.host is not None and not case.host.bmc_speaks(case.now):
        return "no BMC was seen to be its own within 7 days: a person must cycle its power"
    return ""


def _leaving(case: Case) -> int:
    """Machines that are on their way, and those whose turn to be moved has not come yet."""
    mine = [m for m in case.fleet.migrations.values() if m.source == case.target]
    tried = {each.machine for each in mine if each.asked_at >= case.remediation.opened_at}
    here = [machine for machine in case.fleet.machines_on(case.target) if machine.alive and not machine.adopted]
    moves = any(step.action == "migrate" for step in case.playbook.steps)
    waiting = {machine.id for machine in here if machine.id not in tried} if moves else set[str]()
    return len(waiting | {each.machine for each in mine if each.open})


POWER_CYCLE = ActionSpec(VERB, Kind.DESTRUCTIVE, "host", PowerCycleParams, plan, VerdictKind.WEDGED.value)
