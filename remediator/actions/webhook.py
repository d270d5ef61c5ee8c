"""webhook: tell another system, at least once, by an address that the settings name."""

import pydantic

from remediator.actions.effects import Call
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.decision import Hold
from remediator.model.policy import Kind
from remediator.model.request import Stage


class WebhookParams(Params):
    """``to`` is a name under ``webhooks`` in the settings; ``text`` goes along for whoever reads it there."""

    to: str = pydantic.Field(pattern=r"^[a-z][a-z_]*[a-z]$")
    text: str = "needs a person"


def plan(case: Case, params: WebhookParams) -> Planned | Hold:
    opened = case.remediation.opened_at
    wish = Call(params.to, case.playbook.name, case.target, params.text, f"{opened.timestamp():.3f}")
    known = case.fleet.operations.get(wish.key)
    if known is not None and known.stage is Stage.FAILED:
        return Hold("WebhookFailed", f"webhook {params.to}: {known.error}")
    if known is not None and known.open:
        return Planned(waiting=f"webhook {params.to} has not answered yet")
    # What ended well long ago may no longer be in the journal.
    done = known is not None or "webhook" in case.remediation.steps
    return Planned() if done else Planned((wish,))


WEBHOOK = ActionSpec("webhook", Kind.TELLING, "", WebhookParams, plan)
