"""Hosts whose power the judge itself cut: a fence, a power cycle or a giving back was decided, and the kernel ended
soon after."""

from collections import defaultdict

from remediator.simulate.oracle.spans import holds
from remediator.simulate.world.record import Run

_DECIDED = ("fence", "power_cycle", "give_back")
_CUTS = ("fence", "power_off", "fence_host", "power_cycle")
# From the decision to the cut: a BMC that does not answer is asked again.
SOON = 90.0


def cuts(run: Run) -> dict[str, list[float]]:
    """Moments at which a fence took effect, by host."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    asked = [(act.host, act.at) for act in run.done.acts if act.kind in _DECIDED]
    asked += [(sent.host, sent.at) for sent in run.done.sent if sent.verb in _CUTS]
    for host, at in asked:
        truth = run.truth.hosts.get(host)
        if truth is not None:
            found[host] += [end for end in _ends(run, host, at) if at <= end <= at + SOON]
    return dict(found)


def _ends(run: Run, host: str, at: float) -> list[float]:
    """When its kernel ended; where that stood still already, what was frozen in it."""
    kernel = run.truth.hosts[host].kernel
    if holds(kernel, at):
        return [span.end for span in kernel]
    return [ran.span.end for ran in run.truth.ran if ran.host == host]
