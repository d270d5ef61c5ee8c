"""fence: wait for proof that a dead host can no longer act, by reading its BMC. Power-off itself is not done yet."""

from datetime import timedelta

from remediator.actions.fields import Duration
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.host import Fence
from remediator.model.policy import Kind


class FenceParams(Params):
    """``via`` names the witnesses in order; ``on_failure: wait`` leaves condemning to patience."""

    via: tuple[str, ...] = ("bmc",)
    retry: Duration = timedelta(minutes=5)
    on_failure: str = "wait"


def plan(case: Case, params: FenceParams) -> Planned:
    if case.host is not None and case.host.fence is Fence.PROVED:
        return Planned()
    return Planned(waiting=f"no proof of power-off yet (via {', '.join(params.via)})")


FENCE = ActionSpec("fence", Kind.DESTRUCTIVE, "host", FenceParams, plan)
