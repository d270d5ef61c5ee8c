"""mark_host_alive: record and announce that a host is back; ``host_status`` itself follows the evidence."""

from remediator.actions.effects import MarkAlive
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.decision import Hold
from remediator.model.host import Life
from remediator.model.policy import Kind


class MarkHostAliveParams(Params):
    """No parameters."""


def plan(case: Case, params: MarkHostAliveParams) -> Planned | Hold:  # noqa: ARG001
    if case.host is not None and case.host.life is not Life.HEALTHY:
        return Hold("NotHealthy", f"{case.target} is {case.host.life}: nothing says yet that it is well")
    done = "mark_host_alive" in case.remediation.steps
    return Planned() if done else Planned((MarkAlive(case.target),))


MARK_HOST_ALIVE = ActionSpec("mark_host_alive", Kind.HEALING, "host", MarkHostAliveParams, plan)
