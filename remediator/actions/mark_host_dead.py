"""mark_host_dead: record and announce that a host is dead; ``host_status`` itself follows the evidence."""

from remediator.actions.effects import MarkDead
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.policy import Kind


class MarkHostDeadParams(Params):
    """No parameters."""


def plan(case: Case, params: MarkHostDeadParams) -> Planned:  # noqa: ARG001
    done = "mark_host_dead" in case.remediation.steps
    return Planned() if done else Planned((MarkDead(case.target),))


MARK_HOST_DEAD = ActionSpec("mark_host_dead", Kind.HEALING, "host", MarkHostDeadParams, plan)
