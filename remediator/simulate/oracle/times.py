"""How long things took: to detect, to replace; what was lost meanwhile, who was asked, and what stood in the way."""

from collections import defaultdict
from collections.abc import Iterator

from remediator.simulate.oracle.fences import cuts
from remediator.simulate.oracle.findings import Measures
from remediator.simulate.oracle.instances import by_line, double_run_seconds, undead_seconds
from remediator.simulate.oracle.spans import common, seconds, united, without
from remediator.simulate.world.record import Ran, Run, Span

# Shorter losses need not be detected: nobody could act upon them before they are over.
WORTH = 30.0
# What people do to machines of their own is no work that we made them.
THEIRS = frozenset({"destroy", "create"})


def measures(run: Run) -> Measures:
    detected, missed = _detections(run)
    replaced, never = _replacements(run)
    return Measures(
        detect=tuple(detected),
        undetected=missed,
        replace=tuple(replaced),
        unreplaced=never,
        undead=undead_seconds(run),
        double_run=double_run_seconds(run),
        machine_minutes_lost=sum(_lost(run)) / 60,
        human_touches=_touches(run),
        blocked_minutes=_blocked(run),
    )


def losses(run: Run, host: str, worth: float = WORTH) -> list[Span]:
    """When a host that had been up was dead in truth, for at least so long: no kernel ran on it."""
    kernel = run.truth.hosts[host].kernel
    ends = [span.end for span in kernel if span.end < run.seconds]
    gone = without([Span(min(ends), run.seconds)] if ends else [], kernel)
    return [span for span in gone if span.end - span.begin >= worth]


def _detections(run: Run) -> tuple[list[float], int]:
    """From each loss to the word *dead*; and how many were never so called."""
    said: defaultdict[str, list[float]] = defaultdict(list)
    for stated in run.done.stated:
        if stated.life == "dead":
            said[stated.host].append(stated.at)
    took, missed, ours = [], 0, cuts(run)
    for host in run.truth.hosts:
        for span in losses(run, host):
            if span.begin in ours.get(host, ()):
                continue
            first = min((at for at in said[host] if span.begin <= at <= span.end), default=None)
            if first is None:
                missed += 1
            else:
                took.append(first - span.begin)
    return took, missed


def _replacements(run: Run) -> tuple[list[float], int]:
    """From each machine's loss to an instance elsewhere; and how many had none while their host was gone."""
    lines, wished = by_line(run.truth.ran), _ends_wished(run)
    all_losses = ((host, gone) for host in run.truth.hosts for gone in losses(run, host))
    stopped = ((host, gone, line) for host, gone in all_losses for line in _stopped_by(lines, host, gone))
    took, never = [], 0
    for host, gone, line in stopped:
        if wished.get(line, gone.end) < gone.end:
            continue
        begins = [ran.span.begin for ran in lines[line] if ran.host != host]
        first = min((at for at in begins if gone.begin <= at <= gone.end), default=None)
        if first is None:
            never += 1
        else:
            took.append(first - _away_since(run, host, gone.begin))
    return took, never


def _away_since(run: Run, host: str, at: float) -> float:
    """Since when nobody could reach it, where its power was cut only after that."""
    ends = [span.end for span in run.truth.hosts[host].reached if span.end <= at]
    return max(ends, default=at)


def _stopped_by(lines: dict[str, list[Ran]], host: str, gone: Span) -> Iterator[str]:
    """Lines that ran on this host when it went, and nowhere else."""
    for line, rows in lines.items():
        here = any(ran.host == host and ran.span.end == gone.begin for ran in rows)
        if here and not any(ran.span.covers(gone.begin) for ran in rows):
            yield line


def _ends_wished(run: Run) -> dict[str, float]:
    """When a line was to end by its owner's wish."""
    of = {ran.machine: ran.line for ran in run.truth.ran}
    return {of.get(each.subject, each.subject): each.asked for each in run.done.requests if each.kind == "destroy"}


def _lost(run: Run) -> Iterator[float]:
    """Seconds in which a line that had begun ran nowhere where a packet could reach it, until its owner ended it."""
    wished = _ends_wished(run)
    for line, rows in by_line(run.truth.ran).items():
        begin, end = min(ran.span.begin for ran in rows), min(wished.get(line, run.seconds), run.seconds)
        serving = [
            span
            for ran in rows
            if ran.host in run.truth.hosts
            for span in common([ran.span], run.truth.hosts[ran.host].reached)
        ]
        if end > begin:
            yield seconds(without([Span(begin, end)], serving), run.seconds)


def _touches(run: Run) -> int:
    """What a person had to do, and what a person was asked."""
    done = sum(1 for each in run.done.requests if each.kind not in THEIRS)
    asked = {(held.playbook, held.target, held.action) for held in run.done.held if held.outcome == "ask"}
    return done + len(asked)


def _blocked(run: Run) -> dict[str, float]:
    """Minutes in which a dead host's machines ran nowhere and a hold stood on it, by the hold's reason."""
    found: defaultdict[str, float] = defaultdict(float)
    by_target: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for held in run.done.held:
        if held.target in run.truth.hosts:
            by_target[held.target, held.reason].append(held.span)
    lines = by_line(run.truth.ran)
    waiting = {host: _waiting(run, lines, host) for host, _ in by_target}
    for (host, reason), spans in by_target.items():
        found[reason] += seconds(common(united(spans), waiting[host]), run.seconds) / 60
    return {reason: minutes for reason, minutes in found.items() if minutes > 0}


def _waiting(run: Run, lines: dict[str, list[Ran]], host: str) -> list[Span]:
    """When it was dead and something of it still ran nowhere."""
    found = []
    for gone in losses(run, host):
        for line in _stopped_by(lines, host, gone):
            begins = [ran.span.begin for ran in lines[line] if ran.host != host and ran.span.begin >= gone.begin]
            found.append(Span(gone.begin, min([gone.end, *begins])))
    return united(found)
