"""What ran, was routed or mounted twice, and what ran on though it was condemned."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

from remediator.simulate.oracle.findings import Finding, Sin
from remediator.simulate.oracle.spans import at_once, common, seconds
from remediator.simulate.world.record import FOREVER, Ran, Routed, Run, Span

T = TypeVar("T", Ran, Routed)


def by_line(rows: tuple[T, ...]) -> dict[str, list[T]]:
    """A machine and all its successors are one line."""
    found: defaultdict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[row.line].append(row)
    return found


def double_routed(run: Run) -> Iterator[Finding]:
    """Invariant 1: two instances of a line shown to traffic at once."""
    for line, rows in by_line(run.done.routed).items():
        for span in at_once([row.span for row in rows]):
            where = sorted({row.host for row in rows if common([row.span], [span])})
            yield Finding(Sin.DOUBLE_ROUTABLE, span.begin, line, f"{_long(span, run)} on {' and '.join(where)}")


def double_mounted(run: Run) -> Iterator[Finding]:
    """Invariant 2: two running writers of one volume, or of a volume and what was restored in its place."""
    for line, rows in by_line(run.truth.ran).items():
        writers = [row for row in rows if row.volumes]
        for span in at_once([row.span for row in writers]):
            where = sorted({row.host for row in writers if common([row.span], [span])})
            yield Finding(Sin.DOUBLE_MOUNT, span.begin, line, f"{_long(span, run)} on {' and '.join(where)}")


def double_run_seconds(run: Run) -> float:
    """Two instances of a line really running at once, whoever sees them."""
    lines = by_line(run.truth.ran).values()
    return sum(seconds(at_once([row.span for row in rows]), run.seconds) for rows in lines)


def undead_seconds(run: Run) -> float:
    """Condemned, and still running on a host that can be reached: those of the line that a tenant may meet."""
    condemned: dict[str, float] = {}
    for act in run.done.acts:
        if act.kind == "condemn":
            condemned.setdefault(act.machine, act.at)
    total = 0.0
    for ran in run.truth.ran:
        since = condemned.get(ran.machine)
        if since is not None and ran.host in run.truth.hosts:
            walking = common([ran.span], [Span(since, FOREVER)])
            total += seconds(common(walking, run.truth.hosts[ran.host].reached), run.seconds)
    return total


def _long(span: Span, run: Run) -> str:
    return f"for {span.seconds(run.seconds):.2f} s"
