"""How often an alert would have fired: its expression over the last days, with ``for`` and ``keep_firing_for``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.model.alert import Group, Rule
from remediator.sources.history import History

# Closer looks would cost more than they tell: what is true for less may be missed, and the report says so.
LEAST_STEP = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Fired:
    """How often, for how many label sets, for how long at most, and how closely it was looked at."""

    times: int
    elements: int
    longest: timedelta
    step: timedelta


def firings(
    rule: Rule, group: Group, history: History, start: datetime, end: datetime
) -> tuple[Fired, list[dict[str, str]]]:
    """The alert's firings in that time, and the labels of everything that was true at all.

    Raises:
        HistoryError: the store does not answer.
    """
    step = max(group.interval, LEAST_STEP)
    moments: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for series in history.series(rule.expr, start, end, step):
        moments.setdefault(tuple(sorted(series.labels.items())), []).extend(series.times)
    lengths = [list(_lengths(times, rule, step)) for times in moments.values()]
    flat = [length for element in lengths for length in element]
    longest = timedelta(seconds=max(flat, default=0.0))
    fired = Fired(len(flat), sum(bool(element) for element in lengths), longest, step)
    return fired, [dict(labels) for labels in moments]


def _lengths(times: Iterable[float], rule: Rule, step: timedelta) -> Iterator[float]:
    """For how many seconds each firing lasts, what ``keep_firing_for`` bridges being one."""
    hold, keep, width = (each.total_seconds() for each in (rule.hold_for, rule.keep_firing_for, step))
    fired_at, last = 0.0, 0.0
    for began, ended in _runs(times, width):
        if fired_at and began - last <= keep + width:
            last = ended
            continue
        if fired_at:
            yield last - fired_at + width
        fired_at = began + hold if ended - began >= hold else 0.0
        last = ended
    if fired_at:
        yield last - fired_at + width


def _runs(times: Iterable[float], width: float) -> Iterator[tuple[float, float]]:
    """First and last moment of each unbroken chain."""
    began = last = None
    for at in times:
        if began is None or last is None:
            began = at
        elif at - last > width * 1.5:
            yield began, last
            began = at
        last = at
    if began is not None and last is not None:
        yield began, last
