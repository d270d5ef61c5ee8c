"""condemn: queue the destroy of originals whose replacement stands. It kills, so it waits for patience or proof."""

from typing import Literal

from remediator.actions.ceiling import room, words
from remediator.actions.effects import Condemn
from remediator.actions.proof import LEASE, proved_by
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.decision import Hold
from remediator.model.machine import Machine, Recovery
from remediator.model.policy import Kind


class CondemnParams(Params):
    """``after`` is the word patience, whose length limits.yml sets."""

    machines: Literal["replaced"] = "replaced"
    after: Literal["patience"] = "patience"


def plan(case: Case, params: CondemnParams) -> Planned | Hold:  # noqa: ARG001
    # Whom a standby stands in for is wanted back.
    living = [m for m in case.fleet.machines_on(case.target) if m.alive and not (m.adopted or m.stood_in_for)]
    replaced = [machine for machine in living if _replaced(case, machine)]
    if not replaced or case.host is None or case.host.died_at is None:
        return Planned(waiting=f"{len(living)} machines have no replacement that serves" if living else "")
    proved = [(machine, by) for machine in replaced if (by := proved_by(case.host, machine))]
    if proved:
        return _as_many_as_may(case, [Condemn(machine.id, f"replaced; {_proof(by)}") for machine, by in proved])
    # Patience is earned in our own term: a pause, a restart or a stepped clock must not shorten it.
    since = max(case.host.died_at, case.fleet.term_began or case.host.died_at)
    left = since + case.limits.patience - case.now
    if left.total_seconds() > 0:
        return Planned(waiting=f"patience: {left.total_seconds():.0f} s left")
    why = f"replaced, and its host stayed away for {case.limits.patience.total_seconds():.0f} s"
    return _as_many_as_may(case, [Condemn(machine.id, why) for machine in replaced])


def _as_many_as_may(case: Case, wanted: list[Condemn]) -> Planned | Hold:
    """No more of them than its agent would destroy, proof or not."""
    left = room(case)
    if left < 1:
        told = f"{len(wanted)} more are replaced; {words(case.limits)} by automatic decisions"
        return Hold("DestroyCeiling", told)
    return Planned(tuple(wanted[:left]))


def _proof(by: str) -> str:
    return "its lease there has run out" if by == LEASE else f"power-off proved by {by}"


def _replaced(case: Case, machine: Machine) -> bool:
    return machine.recovery is Recovery.SERVING and case.fleet.served_elsewhere(machine)


CONDEMN = ActionSpec("condemn", Kind.DESTRUCTIVE, "host", CondemnParams, plan)
