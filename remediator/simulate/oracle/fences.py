"""Hosts whose power the judge itself cut: a fence was decided, and the kernel ended soon after."""

from collections import defaultdict

from remediator.simulate.world.record import Run

# From the decision to the cut: a BMC that does not answer is asked again.
SOON = 90.0


def cuts(run: Run) -> dict[str, list[float]]:
    """Moments at which a fence took effect, by host."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    asked = [(act.host, act.at) for act in run.done.acts if act.kind == "fence"]
    asked += [(sent.host, sent.at) for sent in run.done.sent if sent.verb in ("fence", "power_off")]
    for host, at in asked:
        truth = run.truth.hosts.get(host)
        if truth is not None:
            found[host] += [span.end for span in truth.kernel if at <= span.end <= at + SOON]
    return dict(found)
