"""cordon and uncordon: keep new work off a host, or let it back."""

from remediator.actions.effects import Cordon, Uncordon
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.policy import Kind


class CordonParams(Params):
    """No parameters."""


def plan_cordon(case: Case, params: CordonParams) -> Planned:  # noqa: ARG001
    if case.host is None or case.host.cordoned:
        return Planned()
    return Planned((Cordon(case.target, case.playbook.name),))


def plan_uncordon(case: Case, params: CordonParams) -> Planned:  # noqa: ARG001
    if case.host is None or not case.host.cordoned:
        return Planned()
    return Planned((Uncordon(case.target, case.playbook.name),))


CORDON = ActionSpec("cordon", Kind.ADDITIVE, "host", CordonParams, plan_cordon)
UNCORDON = ActionSpec("uncordon", Kind.HEALING, "host", CordonParams, plan_uncordon)
