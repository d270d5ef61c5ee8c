"""notify: tell people, and do nothing else."""

from remediator.actions.effects import Tell
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.policy import Kind


class NotifyParams(Params):
    """The words; the target is added."""

    text: str = "needs a person"


def plan(case: Case, params: NotifyParams) -> Planned:
    told = "notify" in case.remediation.steps
    return Planned() if told else Planned((Tell(case.target, params.text),))


NOTIFY = ActionSpec("notify", Kind.TELLING, "", NotifyParams, plan)
