"""Acts that a closed door should have stopped: the gate (invariant 4), and a freeze.

Behind a closed gate two witnesses may stand for the store: an act about a host is no sin there if the host really had
no power and a BMC that could say so, and if no other host of its region was acted upon in the same moment, but for
those that were in hand when the gate closed. What was condemned is carried out whatever happens to the gate later.
"""

from collections.abc import Iterator

from remediator.simulate.oracle.fences import cuts
from remediator.simulate.oracle.findings import Finding, Sin
from remediator.simulate.oracle.spans import common, holds
from remediator.simulate.world.record import Act, Run, Span

DESTRUCTIVE = frozenset({"condemn", "destroy", "fence", "give_back"})
CHANGES = DESTRUCTIVE | {"recreate", "restore", "migrate", "provision"}
UNPOWERED = frozenset({"power", "reboot", "reimage"})


def through_gate(run: Run) -> Iterator[Finding]:
    judged = {
        act.machine for act in run.done.acts if act.kind in ("condemn", "withdraw") or act.origin != "automatic"
    }
    last: dict[str, Act] = {}
    for act in run.done.acts:
        if act.kind not in DESTRUCTIVE or act.origin != "automatic" or holds(run.truth.gate_open, act.at):
            continue
        if act.kind == "destroy" and (act.machine in judged or not _runs(run, act)):
            continue  # the condemn was judged by itself; what a migration left behind runs no more
        region = run.truth.hosts[act.host].region if act.host in run.truth.hosts else ""
        if not unpowered(run, act.host, act.at):
            yield Finding(Sin.GATE, act.at, act.host, f"{act.kind} of {act.machine or 'a host'} without proof")
        elif (
            (before := last.get(region))
            and before.host != act.host
            and before.at == act.at
            and not _begun(run, act)
            and not _begun(run, before)
        ):
            yield Finding(Sin.GATE, act.at, act.host, f"{act.kind} in the same moment as one on {before.host}")
        last[region] = act


def _begun(run: Run, act: Act) -> bool:
    """Whether its host was taken in hand while the gate stood open: what is half done is ended."""
    return any(
        one.kind == "mark_dead" and one.host == act.host and one.at <= act.at and holds(run.truth.gate_open, one.at)
        for one in run.done.acts
    )


def _runs(run: Run, act: Act) -> bool:
    return holds((ran.span for ran in run.truth.ran if ran.machine == act.machine and ran.host == act.host), act.at)


def unpowered(run: Run, host: str, at: float) -> bool:
    """Whether a BMC could truly say that it was off since it was last up: by a fault, or because we cut its power."""
    truth = run.truth.hosts.get(host)
    if truth is None or holds(truth.kernel, at):
        return False
    cut = any(moment <= at for moment in cuts(run).get(host, ()))
    down_since = max((span.end for span in truth.kernel if span.end <= at), default=0.0)
    gone = Span(down_since, at)
    fell = any(
        fault.kind in UNPOWERED and host in fault.hosts and common([fault.span], [gone]) for fault in run.truth.faults
    )
    return truth.bmc and (cut or fell)


def while_frozen(run: Run) -> Iterator[Finding]:
    """A person said stop: nothing automatic is begun."""
    for act in run.done.acts:
        if act.kind in CHANGES and act.origin == "automatic" and holds(run.truth.frozen, act.at):
            yield Finding(Sin.FROZEN, act.at, act.host or act.target, f"{act.kind} {act.machine}".rstrip())
