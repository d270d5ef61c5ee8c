"""Wrong kills and needless replacements: acts about hosts that ran their machines and were there, or soon were.

A host is away while no packet passes both ways between it and the remediator. It *came back in time* if that ended
within ``patience`` of the verdict dead, or of the act where nobody had said dead. Whoever fenced a host cannot point
to its absence: for such a host it counts when the trouble would have ended that began before.
"""

from collections import defaultdict
from collections.abc import Iterator

from remediator.simulate.oracle.fences import cuts
from remediator.simulate.oracle.findings import Finding, Needless, Sin
from remediator.simulate.oracle.said import said_dead
from remediator.simulate.oracle.spans import holds, next_begin
from remediator.simulate.world.record import FOREVER, Act, Happened, Run, Span

KILLS = frozenset({"condemn", "destroy", "fence", "give_back"})
ADDS = frozenset({"recreate", "restore"})
# Troubles of the way to a host or of its kernel, in which what runs there goes on or will.
PASSING = frozenset(
    {"link", "asymmetric_link", "partition", "nic_reset", "switch_reload", "flap", "slow", "pause", "agent_crash"}
)


class Kills:
    """Looks at each automatic act of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ran: defaultdict[str, list[tuple[str, Span]]] = defaultdict(list)
        for ran in run.truth.ran:
            self._ran[ran.host].append((ran.machine, ran.span))
        self._dead = said_dead(run)
        self._fenced = {host: min(moments) for host, moments in cuts(run).items() if moments}
        self._condemned = {
            act.machine: act.at
            for act in reversed(run.done.acts)
            if act.kind in ("condemn", "withdraw") or act.origin != "automatic"
        }

    def wrong(self) -> Iterator[Finding]:
        """Condemned, destroyed or fenced by nobody's wish, though it was there or back in time."""
        for act in self._automatic(KILLS):
            if act.kind == "destroy" and self._condemned.get(act.machine, FOREVER) <= act.at:
                continue  # carries out what was judged when it was condemned
            back = self._back(act)
            if back is not None and self._runs(act):
                subject = f"{act.machine} on {act.host}" if act.machine else act.host
                when = "was there" if back <= act.at else f"was back {back - act.at:.1f} s later"
                yield Finding(Sin.WRONG_KILL, act.at, subject, f"{act.kind} of what ran, and its host {when}")

    def needless(self) -> Iterator[Needless]:
        for act in self._automatic(ADDS):
            back = self._back(act)
            if back is not None:
                outage = max(0.0, back - self._lost(act.host, act.at))
                yield Needless(act.at, act.machine, act.host, outage, self._runs(act))

    def _automatic(self, kinds: frozenset[str]) -> Iterator[Act]:
        known = self._run.truth.hosts
        yield from (
            act
            for act in self._run.done.acts
            if act.kind in kinds and act.origin == "automatic" and act.host in known
        )

    def _runs(self, act: Act) -> bool:
        """Whether that machine, or for a host any, really ran there; behind stuck disks nothing does."""
        if holds(self._run.truth.hosts[act.host].wedged, act.at):
            return False
        return any(
            span.covers(act.at) for machine, span in self._ran[act.host] if not act.machine or machine == act.machine
        )

    def _back(self, act: Act) -> float | None:
        """When its host was there: at the act, or later but in time; None if it was not."""
        reached = self._run.truth.hosts[act.host].reached
        began = max((at for at in self._dead.get(act.host, ()) if at <= act.at), default=act.at)
        limit = max(began, self._lost(act.host, act.at)) + self._run.patience
        back = next_begin(reached, act.at)
        fenced = self._fenced.get(act.host)
        if fenced is not None and (back is None or back > fenced) and not holds(reached, act.at):
            back = self._would_be_back(act.host, act.at)
        return back if back is not None and back <= max(limit, act.at) else None

    def _would_be_back(self, host: str, at: float) -> float | None:
        """When the troubles of that moment would have passed, had nobody cut its power."""
        there = [each for each in self._run.truth.faults if host in each.hosts and each.span.covers(at)]
        if not there or any(each.kind not in PASSING for each in there):
            return None
        return max(_end(each) for each in there)

    def _lost(self, host: str, at: float) -> float:
        """Since when it has been away at that moment; the moment itself where it is not."""
        reached = self._run.truth.hosts[host].reached
        if holds(reached, at):
            return at
        return max((span.end for span in reached if span.end <= at), default=0.0)


def _end(fault: Happened) -> float:
    return fault.span.end
