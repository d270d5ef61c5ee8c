"""cordon and uncordon: keep new work off a host, or let it back."""

from remediator.actions.effects import Cordon, Uncordon
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.decision import Hold
from remediator.model.policy import Kind


class CordonParams(Params):
    """No parameters."""


class UncordonParams(Params):
    """``not_by`` names playbooks whose cordon only a person may end."""

    not_by: tuple[str, ...] = ()


def plan_cordon(case: Case, params: CordonParams) -> Planned:  # noqa: ARG001
    if case.host is None or case.host.cordoned:
        return Planned()
    return Planned((Cordon(case.target, case.playbook.name),))


def plan_uncordon(case: Case, params: UncordonParams) -> Planned | Hold:
    if case.host is None or not case.host.cordoned:
        return Planned()
    if case.host.cordoned in params.not_by:
        return Hold("CordonedFor", f"{case.host.cordoned} cordoned it: a person says when that is over")
    return Planned((Uncordon(case.target, case.playbook.name),))


CORDON = ActionSpec("cordon", Kind.ADDITIVE, "host", CordonParams, plan_cordon)
UNCORDON = ActionSpec("uncordon", Kind.HEALING, "host", UncordonParams, plan_uncordon)
