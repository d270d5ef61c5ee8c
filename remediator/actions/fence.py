"""fence: make sure that a dead host can no longer act. To read that it is off is free; to cut it off kills."""

from datetime import timedelta
from typing import Literal

from remediator.actions.effects import Fence as FenceEffect
from remediator.actions.fields import Duration
from remediator.actions.proof import under_lease
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.host import Fence, Host
from remediator.model.machine import Recovery
from remediator.model.policy import Kind
from remediator.model.request import Operation

Way = Literal["bmc", "lease", "orchestrator"]
VERBS: dict[str, str] = {"bmc": "power_off", "orchestrator": "fence_host"}
_UNKNOWN = {"bmc": "none was seen to be its own", "orchestrator": "none named its chassis"}


class FenceParams(Params):
    """``via`` names the ways in order; ``on_failure: wait`` leaves condemning to patience.

    ``when`` is needed (a machine alone with its volume waits for proof), always, or never: then power is only read.
    """

    via: tuple[Way, ...] = ("bmc", "orchestrator", "lease")
    when: Literal["needed", "always", "never"] = "needed"
    after: Literal["patience"] = "patience"
    retry: Duration = timedelta(minutes=5)
    on_failure: Literal["wait"] = "wait"


def plan(case: Case, params: FenceParams) -> Planned:
    if case.host is None or case.host.fence is Fence.PROVED or case.host.attested_gone:
        return Planned()
    if early := _too_early(case, case.host, params):
        return Planned(waiting=early)
    told = []
    for way in params.via:
        found = _lease(case.host) if way == "lease" else _cut_off(case, case.host, way, params.retry)
        if not isinstance(found, str):
            return Planned((found,))
        told.append(found)
    return Planned(waiting=f"no proof yet: {'; '.join(told)}")


def _too_early(case: Case, host: Host, params: FenceParams) -> str:
    """A host that comes back within patience keeps what runs on it: until then its power is read, not taken."""
    if params.when == "never":
        return "no proof yet: its power is read, never taken"
    if params.when == "needed" and not _waiting_for_proof(case):
        return "no proof yet: its power is read, and nothing on it needs more"
    died = host.died_at or case.now
    left = max(died, case.fleet.term_began or died) + case.limits.patience - case.now
    return f"no proof yet: patience, {left.total_seconds():.0f} s left" if left.total_seconds() > 0 else ""


def _waiting_for_proof(case: Case) -> bool:
    """Whether a machine is left whose volume may not be restored before its host is surely off."""
    here = [m for m in case.fleet.machines_on(case.target) if m.alive and m.volumes and not m.adopted]
    lapsed = case.host is not None and case.host.lease_lapsed_at is not None
    return any(
        m.sealed is not None and m.recovery is not Recovery.SERVING and not (lapsed and under_lease(m)) for m in here
    )


def _cut_off(case: Case, host: Host, way: str, retry: timedelta) -> FenceEffect | str:
    """The effect, or the sentence that says why not this way now."""
    speaks = host.bmc_speaks if way == "bmc" else host.orchestrator_speaks
    if not speaks(host.died_at or case.now):
        return f"{way}: {_UNKNOWN[way]} within 7 days before it died"
    tried = operations_of(case, VERBS[way])
    last = max(tried, key=lambda operation: operation.written_at, default=None)
    if last is not None and last.open:
        return f"{way}: under way{f' ({last.error})' if last.error else ''}"
    if last is not None and case.now - last.written_at < retry:
        left = (last.written_at + retry - case.now).total_seconds()
        return f"{way}: {last.error or 'done, and not proved'}, again in {left:.0f} s"
    if any(each.open for verb in VERBS.values() for each in operations_of(case, verb)):
        return f"{way}: not before another way has ended"
    return FenceEffect(host.name, case.epoch, way, host.identity.uuid, len(tried))


def operations_of(case: Case, verb: str) -> list[Operation]:
    """All of that verb for this life of the host; it is in their arguments, for others carry them out."""
    mine = (case.target, case.epoch)
    return [
        operation
        for operation in case.fleet.operations.values()
        if operation.verb == verb and (operation.args.get("host"), operation.args.get("epoch")) == mine
    ]


def _lease(host: Host) -> str:
    if host.lease_lapsed_at is not None:
        return "lease: run out; what is under lease is stopped, nothing else is proved"
    return f"lease: {host.lease_note or 'nothing on it is under one'}"


FENCE = ActionSpec("fence", Kind.DESTRUCTIVE, "host", FenceParams, plan)
