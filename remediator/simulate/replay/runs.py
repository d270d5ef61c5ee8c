"""From runs of truth to spans of alerts, by arithmetic on slot numbers. PURE; the same as ``evaluate.advance``.

Two weeks at 15 s are 80,640 slots for each element, and almost all of them are like the one before. So an element's
truth is a list of runs, (first, last) inclusive; what ``advance`` would make of each slot follows from their ends.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """One life of an alert, in slots: pending from ``born``, firing from ``fired`` (None: never), over at ``ended``.

    ``actionable`` are half-open stretches in which it may be acted upon.
    """

    born: int
    fired: int | None
    ended: int
    actionable: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Times:
    """A rule's ``for`` and ``keep_firing_for`` in slots, rounded up."""

    hold: int
    keep: int


def spans(runs: Sequence[Run], times: Times, shut: Sequence[Run] = ()) -> list[Span]:
    """The spans of one element; ``shut`` are the runs of slots at which the gate was closed or nothing was asked."""
    found: list[Span] = []
    at = 0
    while at < len(runs):
        first, last = runs[at]
        at += 1
        fired = first + times.hold
        if fired > last:
            # Pending, and gone before its time: dropped at the first slot without it.
            found.append(Span(first, None, last + 1))
            continue
        seen = [(first, last)]
        # A firing alert lives on through a gap while keep_firing_for lasts; the slot that ends it may renew it.
        while at < len(runs) and runs[at][0] <= last + 1 + times.keep:
            seen.append(runs[at])
            last = runs[at][1]
            at += 1
        found.append(Span(first, fired, last + 1 + times.keep, tuple(_actionable(seen, times.hold, shut))))
    return found


def _actionable(seen: Iterable[Run], hold: int, shut: Sequence[Run]) -> Iterable[Run]:
    """Seen true at every slot of ``for`` with the gate open; a gap or a closed gate begins it anew."""
    for first, last in seen:
        for low, high in without((first, last), shut):
            if low + hold <= high:
                yield (low + hold, high + 1)


def without(run: Run, holes: Sequence[Run]) -> list[Run]:
    """What is left of a run; ``holes`` are sorted and apart."""
    low, high = run
    left: list[Run] = []
    index = max(0, bisect_right(holes, (low, -1)) - 1)
    for first, last in holes[index:]:
        if first > high:
            break
        if last < low:
            continue
        if first > low:
            left.append((low, first - 1))
        low = last + 1
    return [*left, (low, high)] if low <= high else left


def merged(runs: Iterable[Run]) -> list[Run]:
    """The same slots, in order, in as few runs as can be."""
    found: list[Run] = []
    for low, high in sorted(runs):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def kept(runs: Sequence[Run], absent: Sequence[Run]) -> Sequence[Run]:
    """What was true when its data went away stays so until there is data again."""
    lasting = {first: (first, last) for first, last in absent}
    return merged([*runs, *(lasting[high + 1] for _, high in runs if high + 1 in lasting)]) if absent else runs


def spans_within(
    elements: Sequence[Sequence[Run]], times: Times, limit: int, shut: Sequence[Run] = ()
) -> list[list[Span]]:
    """The spans of a rule's elements, under its group's limit (0: none).

    Where more than ``limit`` are pending or firing, all are forgotten at that slot, and begin anew at the next one.
    """
    runs = [list(each) for each in elements]
    found: list[list[Span]] = [[] for _ in runs]
    while True:
        lives = [spans(each, times, shut) for each in runs]
        over = _first_over([[(s.born, s.ended - 1) for s in each] for each in lives], limit) if limit else None
        for mine, each in zip(found, lives, strict=True):
            mine += each if over is None else [cut for span in each if (cut := _cut(span, over))]
        if over is None:
            return found
        again = _first_within(runs, over + 1, limit)
        runs = [[(max(low, again), high) for low, high in each if high >= again] for each in runs]


def _cut(span: Span, at: int) -> Span | None:
    """The span as it is when everything is forgotten at that slot."""
    if span.born >= at:
        return None
    fired = span.fired if span.fired is not None and span.fired < at else None
    actionable = tuple((low, min(high, at)) for low, high in span.actionable if low < at)
    return Span(span.born, fired, min(span.ended, at), actionable)


def _first_over(active: Sequence[Sequence[Run]], limit: int) -> int | None:
    """The first slot at which more than ``limit`` are active."""
    return next((at for at, count in _counts(active) if count > limit), None)


def _first_within(runs: Sequence[Sequence[Run]], since: int, limit: int) -> int:
    """The first slot, not before ``since``, at which no more than ``limit`` are true."""
    left = [[(max(low, since), high) for low, high in each if high >= since] for each in runs]
    counts = _counts(left)
    if not counts or counts[0][0] > since:
        return since
    return next(at for at, count in counts if count <= limit)


def _counts(runs: Sequence[Sequence[Run]]) -> list[tuple[int, int]]:
    """How many runs there are from each slot on at which that number changes."""
    changes: dict[int, int] = {}
    for each in runs:
        for low, high in each:
            changes[low] = changes.get(low, 0) + 1
            changes[high + 1] = changes.get(high + 1, 0) - 1
    total = 0
    return [(at, total := total + changes[at]) for at in sorted(changes)]
