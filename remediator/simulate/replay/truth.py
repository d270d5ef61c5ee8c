"""When an expression was true: its elements over the slots of a group, each as runs of truth."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from remediator.model.alert import Group
from remediator.simulate.replay.expr import with_lookback
from remediator.simulate.replay.past import Stretch
from remediator.simulate.replay.runs import Run
from remediator.simulate.replay.screen import HOUR, left, screen
from remediator.sources.history import History, Series
from remediator.sources.slots import offset, slot_at


@dataclass(frozen=True, slots=True)
class Asked:
    """How the store is to be asked: ``step`` is the least step, ``spread`` whether groups are shifted as they run."""

    history: History
    victoria: bool = True
    step: timedelta = timedelta()
    spread: bool = True


@dataclass(slots=True)
class Element:
    """The runs of truth of one element, and its value when it was first true."""

    labels: dict[str, str]
    value: float
    runs: list[Run] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Grid:
    """The slots of one group in the stretch."""

    first: datetime
    step: timedelta

    def at(self, slot: int) -> datetime:
        return self.first + slot * self.step

    def slots(self, start: datetime, end: datetime) -> Run:
        """The slots within, both ends taken in."""
        return (-((self.first - start) // self.step) if start > self.first else 0, (end - self.first) // self.step)


def grid_of(group: Group, asked: Asked, stretch: Stretch) -> Grid:
    """The group's own slots, or every n-th of them where a longer step was asked for."""
    step = group.interval * max(1, -(-asked.step // group.interval))
    shift = offset(group, spread=asked.spread)
    # What fires at the beginning began before; and stores count in milliseconds.
    longest = max((rule.hold_for + rule.keep_firing_for for rule in group.rules), default=timedelta())
    first = slot_at(stretch.start - longest, group.interval, shift)
    return Grid(datetime.fromtimestamp(round(first.timestamp(), 3), UTC), step)


class Truths:
    """Asks the store once for each question, so that two sets of rules share what they have in common."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._known: dict[tuple[str, datetime, timedelta], list[Element]] = {}
        self._recorded: dict[str, bool] = {}
        self._lock = threading.Lock()

    def elements(self, expr: str, grid: Grid, end: datetime) -> list[Element]:
        """Every element that was ever true.

        Raises:
            HistoryError: the store does not answer.
        """
        key = (expr, grid.first, grid.step)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            text = with_lookback(expr) if self.asked.victoria else expr
            pieces = (
                piece
                for low, high in self._left(expr, grid, end)
                for piece in self.asked.history.series(text, grid.at(low), grid.at(high), grid.step)
            )
            known = truth(pieces, grid.first, grid.step)
            with self._lock:
                self._known[key] = known
        return known

    def _left(self, expr: str, grid: Grid, end: datetime) -> list[Run]:
        """The slots at which the expression may be true; all of them where that cannot be told."""
        slots = (end - grid.first) // grid.step
        per_window = max(1, HOUR // grid.step)
        queries = screen(expr, per_window * grid.step) if slots > 4 * per_window else None
        if queries is None:
            return [(0, slots)]
        window = per_window * grid.step
        hits: list[int] = []
        for query in queries:
            # One window more than there are: the last slots end within it.
            for piece in self.asked.history.series(query, grid.first, end + window, window):
                hits += [round((at - grid.first.timestamp()) / window.total_seconds()) for at in piece.times]
        return left(hits, slots, per_window)

    def stored(self, name: str, stretch: Stretch) -> bool:
        """Whether the store has anything of a recorded series in that stretch."""
        if name not in self._recorded:
            width = max(timedelta(minutes=1), stretch.length)
            expr = f"count(last_over_time({name}[{round(width.total_seconds())}s]))"
            found = list(self.asked.history.series(expr, stretch.end, stretch.end, timedelta(seconds=1)))
            self._recorded[name] = bool(found)
        return self._recorded[name]


def truth(series: Iterable[Series], first: datetime, step: timedelta) -> list[Element]:
    """Elements with their runs, from pieces in the order of time."""
    found: dict[tuple[tuple[str, str], ...], Element] = {}
    origin, width = first.timestamp(), step.total_seconds()
    for piece in series:
        key = tuple(sorted(piece.labels.items()))
        element = found.setdefault(key, Element(piece.labels, piece.values[0]))
        for low, high in runs_in(piece, origin, width):
            if element.runs and element.runs[-1][1] + 1 >= low:
                element.runs[-1] = (element.runs[-1][0], max(high, element.runs[-1][1]))
            else:
                element.runs.append((low, high))
    return list(found.values())


def runs_in(piece: Series, origin: float, width: float) -> list[Run]:
    """The runs of one piece; one without a hole takes no loop."""
    times = piece.times
    low, high = round((times[0] - origin) / width), round((times[-1] - origin) / width)
    if high - low + 1 == len(times):
        return [(low, high)]
    found = []
    start = before = low
    for at in times[1:]:
        slot = round((at - origin) / width)
        if slot != before + 1:
            found.append((start, before))
            start = slot
        before = slot
    return [*found, (start, before)]
