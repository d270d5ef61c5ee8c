"""Invariants 8 and 18: what was accepted is carried out once it can be, and is not said to be done before it is."""

from collections.abc import Iterable, Iterator

from remediator.simulate.oracle.findings import Finding, Sin
from remediator.simulate.oracle.spans import common, holds, without
from remediator.simulate.world.record import Requested, Run, Span

# So long a host must have been there, with its agent, its disks and the remediator, for a request to be carried out.
ENOUGH = 30.0
LIARS = frozenset({"lying_agent", "reimage", "name_swap"})


def lost_requests(run: Run) -> Iterator[Finding]:
    for request in run.done.requests:
        if request.kind not in ("destroy", "create") or request.answer != "accepted" or request.finished is not None:
            continue
        if (chance := _chance(run, request)) is not None and not _known_to_nobody(run, request):
            text = f"accepted at {request.answered}, could be done from {chance.begin:.1f} s on, and never was"
            yield Finding(Sin.LOST_REQUEST, request.asked, f"{request.id} {request.subject}", text)


def _chance(run: Run, request: Requested) -> Span | None:
    """The first stretch after the answer that was long enough to carry it out."""
    since = Span(request.answered or request.asked, run.seconds)
    free = without([since], run.truth.frozen) if request.kind == "create" else [since]
    together = common(free, run.truth.judge_up)
    host = run.truth.hosts.get(request.host)
    if host is not None:
        there: Iterable[Span] = without(common(host.reached, host.agent), host.wedged)
        together = common(together, there)
    return next((span for span in together if _long(span, run)), None)


def _known_to_nobody(run: Run, request: Requested) -> bool:
    """An older journal was put in the place of the one that had it, before its host could hear of it: a person is
    shown the gap and accepts it."""
    host, answered = run.truth.hosts.get(request.host), request.answered or request.asked
    gaps = [fault.span.begin for fault in run.truth.faults if fault.kind == "restored_journal"]
    return any(not common(host.reached if host else (), [Span(answered, gap)]) for gap in gaps if gap > answered)


def _long(span: Span, run: Run) -> bool:
    return min(span.end, run.seconds) - span.begin >= ENOUGH


def untrue_ends(run: Run) -> Iterator[Finding]:
    """Told destroyed, and running: never, unless the host's own agent lied or its disk went."""
    lied = {host for fault in run.truth.faults if fault.kind in LIARS for host in fault.hosts}
    for request in run.done.requests:
        if request.told is None:
            continue
        for ran in run.truth.ran:
            if ran.machine == request.subject and ran.host not in lied and holds([ran.span], request.told + 0.001):
                yield Finding(Sin.UNTRUE_END, request.told, request.subject, f"still runs on {ran.host}")
