"""A first reading of a run: what went well and what did not, from its truth. No part of the engine is asked."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from statistics import median

from remediator.simulate.world.record import Act, Ran, Run, Span, Use

KILLS = frozenset({"condemn", "fence", "give_back"})
ADDS = frozenset({"recreate", "restore"})
# A loss shorter than this need not be noticed at all.
NOTICED = 10.0
# A request is lost if its host could have carried it out for so long, and did not.
IN_REACH = 30.0
HOUR = 3600.0
# Lengths of outages, in seconds, by which needless replacements are counted.
LENGTHS = (10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True)
class Score:
    """All durations in seconds but where a name says otherwise; lists are one entry for each loss or machine."""

    detect: tuple[float, ...] = ()
    undetected: int = 0
    replace: tuple[float, ...] = ()
    wrong_kills: tuple[str, ...] = ()
    needless: dict[str, int] = field(default_factory=dict)
    double_run: float = 0.0
    double_routable: float = 0.0
    undead: float = 0.0
    machine_minutes_lost: float = 0.0
    human_touches: int = 0
    lost_requests: tuple[str, ...] = ()
    budget_breaches: tuple[str, ...] = ()
    held_minutes: dict[str, float] = field(default_factory=dict)

    def numbers(self) -> dict[str, float]:
        """What a story may set bounds to."""
        return {
            "detect": median(self.detect) if self.detect else 0.0,
            "undetected": float(self.undetected),
            "replace": median(self.replace) if self.replace else 0.0,
            "replaced": float(len(self.replace)),
            "wrong_kills": float(len(self.wrong_kills)),
            "needless": float(sum(self.needless.values())),
            "double_run": self.double_run,
            "double_routable": self.double_routable,
            "undead": self.undead,
            "machine_minutes_lost": self.machine_minutes_lost,
            "human_touches": float(self.human_touches),
            "lost_requests": float(len(self.lost_requests)),
            "budget_breaches": float(len(self.budget_breaches)),
        }

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def score(run: Run) -> Score:
    """The score of one run."""
    losses = list(_losses(run))
    detected = [_detected(run, host, span) for host, span in losses]
    ran = _by_line(run.truth.ran)
    return Score(
        detect=tuple(each for each in detected if each is not None),
        undetected=sum(1 for each in detected if each is None),
        replace=tuple(_replaced(run)),
        wrong_kills=tuple(_wrong_kills(run)),
        needless=_needless(run),
        double_run=sum(_overlap(spans, run.seconds) for spans in ran.values()),
        double_routable=_double_routable(run),
        undead=sum(_undead(run)),
        machine_minutes_lost=sum(_lost_seconds(run, line) for line in ran) / 60,
        human_touches=sum(1 for each in run.done.held if each.outcome == "ask")
        + sum(1 for each in run.done.acts if each.origin == "operator"),
        lost_requests=tuple(_lost_requests(run)),
        budget_breaches=tuple(_breaches(run)),
        held_minutes=_held_minutes(run),
    )


def _losses(run: Run) -> Iterator[tuple[str, Span]]:
    """Stretches of more than ``NOTICED`` in which a host was not reached, while somebody was there to notice."""
    given_back = {act.host: act.at for act in run.done.acts if act.kind == "give_back"}
    for name, host in run.truth.hosts.items():
        for before, after in zip(host.reached, [*host.reached[1:], None], strict=True):
            lost = Span(before.end, after.begin if after else run.seconds)
            if lost.begin >= given_back.get(name, lost.end):
                continue
            if lost.end - lost.begin >= NOTICED and any(up.covers(lost.begin) for up in run.truth.judge_up):
                yield name, lost


def _detected(run: Run, host: str, lost: Span) -> float | None:
    said = [s.at for s in run.done.stated if s.host == host and s.life == "dead" and lost.covers(s.at)]
    return min(said) - lost.begin if said else None


def _replaced(run: Run) -> Iterator[float]:
    """From the loss of a machine's host until a successor of it really ran."""
    for act in (act for act in run.done.acts if act.kind == "recreate" and act.origin == "automatic"):
        lost = _lost_before(run, act.host, act.at)
        begins = [r.span.begin for r in run.truth.ran if r.line == act.line and r.host == act.target]
        begun = [at for at in begins if at >= act.at]
        if lost is not None and begun:
            yield min(begun) - lost.begin


def _lost_before(run: Run, host: str, at: float) -> Span | None:
    """The stretch out of reach in which that moment lies, or that ended last before it; None if never lost."""
    known = run.truth.hosts.get(host)
    if known is None or any(span.covers(at) for span in known.reached):
        return None
    before = [span.end for span in known.reached if span.end <= at]
    after = [span.begin for span in known.reached if span.begin > at]
    return Span(max(before, default=0.0), min(after, default=float("inf")))


def _was_wrong(run: Run, act: Act) -> bool:
    """It ran there in truth, and could be reached, or could be again within patience of its loss."""
    ran = [r for r in run.truth.ran if r.host == act.host and (r.machine == act.machine or not act.machine)]
    if not any(r.span.covers(act.at) for r in ran):
        return False
    lost = _lost_before(run, act.host, act.at)
    return lost is None or lost.end - lost.begin <= run.patience


def _wrong_kills(run: Run) -> Iterator[str]:
    for act in run.done.acts:
        kept = act.text.startswith("its replacement is kept")
        if act.kind in KILLS and act.origin == "automatic" and not kept and _was_wrong(run, act):
            yield f"{act.at:.2f} {act.kind} {act.machine} on {act.host}: {act.text}"


def _needless(run: Run) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for act in run.done.acts:
        if act.kind in ADDS and act.origin == "automatic" and _was_wrong(run, act):
            lost = _lost_before(run, act.host, act.at)
            length = 0.0 if lost is None else lost.end - lost.begin
            found[next((f"<={limit:g}s" for limit in LENGTHS if length <= limit), "longer")] += 1
    return dict(found)


def _by_line(ran: Iterable[Ran]) -> dict[str, list[Span]]:
    found: defaultdict[str, list[Span]] = defaultdict(list)
    for each in ran:
        found[each.line].append(each.span)
    return found


def _overlap(spans: Iterable[Span], until: float) -> float:
    """Seconds in which two or more of the spans hold."""
    edges = sorted(edge for span in spans for edge in ((span.begin, 1), (min(span.end, until), -1)))
    total, depth, since = 0.0, 0, 0.0
    for at, step in edges:
        total += at - since if depth > 1 else 0.0
        depth, since = depth + step, at
    return total


def _double_routable(run: Run) -> float:
    found: defaultdict[str, list[Span]] = defaultdict(list)
    for each in run.done.routed:
        found[each.line].append(each.span)
    return sum(_overlap(spans, run.seconds) for spans in found.values())


def _undead(run: Run) -> Iterator[float]:
    """Condemned, running, and in reach."""
    condemned = {act.machine: act.at for act in run.done.acts if act.kind in ("condemn", "withdraw")}
    for ran in run.truth.ran:
        if ran.machine in condemned:
            reached = run.truth.hosts[ran.host].reached
            since = max(condemned[ran.machine], ran.span.begin)
            yield from (_both(Span(since, min(ran.span.end, run.seconds)), span, run.seconds) for span in reached)


def _both(one: Span, other: Span, until: float) -> float:
    return max(0.0, min(one.end, other.end, until) - max(one.begin, other.begin))


def _lost_seconds(run: Run, line: str) -> float:
    """From the line's beginning on, until its owner had it destroyed: no instance of it in reach."""
    mine = [ran for ran in run.truth.ran if ran.line == line]
    asked = [r.asked for r in run.done.requests if r.kind == "destroy" and r.subject == line]
    begin, end = min(ran.span.begin for ran in mine), min([*asked, run.seconds])
    served = [
        Span(max(ran.span.begin, span.begin), min(ran.span.end, span.end))
        for ran in mine
        for span in run.truth.hosts[ran.host].reached
    ]
    return max(0.0, end - begin - _union([span for span in served if span.end > span.begin], end))


def _union(spans: list[Span], until: float) -> float:
    total, reach = 0.0, 0.0
    for span in sorted(spans, key=lambda each: each.begin):
        begin, end = max(span.begin, reach), min(span.end, until)
        total += max(0.0, end - begin)
        reach = max(reach, end)
    return total


def _lost_requests(run: Run) -> Iterator[str]:
    for each in run.done.requests:
        if each.kind != "destroy" or each.answer != "accepted" or each.finished is not None:
            continue
        host = run.truth.hosts.get(each.host)
        if host and host.reached and host.reached[-1].end > run.seconds:
            waited = max((span.end for span in run.truth.rewound), default=0.0)
            since = max(host.reached[-1].begin, each.answered or each.asked, waited)
            if run.seconds - since >= IN_REACH:
                yield f"{each.id} of {each.subject}"


def _breaches(run: Run) -> Iterator[str]:
    """Rates are counted anew from what was done; of the other ceilings, what was counted must be below them."""
    for use in run.done.uses:
        used = _begun(run, use) if use.ceiling == "Rate" else use.used
        if used >= use.allowed:
            yield f"{use.at:.2f} {use.playbook} {use.ceiling} {used} of {use.allowed} in {use.scope} {use.value}"


def _begun(run: Run, use: Use) -> int:
    """Hosts with which this playbook began in that scope within the hour before."""
    acts = [act for act in run.done.acts if act.kind == "mark_dead" and act.playbook == use.playbook]
    lately = {act.host for act in acts if use.at - HOUR <= act.at < use.at}
    return sum(1 for host in lately if use.value in ("", getattr(run.truth.hosts[host], use.scope, "")))


def _held_minutes(run: Run) -> dict[str, float]:
    """Minutes in which a dead host waited, by the guard that held it."""
    found: defaultdict[str, float] = defaultdict(float)
    for held in run.done.held:
        if held.outcome != "act" and held.target in run.truth.hosts and held.playbook.endswith("_dead"):
            found[held.reason] += held.span.seconds(run.seconds) / 60
    return {reason: round(minutes, 3) for reason, minutes in sorted(found.items())}
