"""Hundreds of rules that nobody wrote, for the live run: drawn by a fixed seed, so that every run has the same ones.

They are made of what ``generated`` makes its rules of, a minute there being five seconds here. Their data is written
beforehand, one sample for each CELL, and every group is evaluated once in each cell: whoever evaluates sees the same
samples, wherever in the cell its slot lies. That is not so for what looks at where in the cell it is: ``time()`` and
``timestamp()`` do, and ``rate``, ``increase`` and ``delta``, which extrapolate to the ends of their window. Left out
are these five of thirty vectors; the offline suite has them, and ``rate`` is among the live rules written by hand.

Three of four worlds are for everyone. Left out of them, and in the others for Prometheus and us alone, is what
vmalert 1.79 cannot load (``keep_firing_for``) or takes otherwise: NaN, which is nothing to VictoriaMetrics; records,
which vmalert sends on seconds later; templates that name a label which may be missing (``<no value>``, or an error).
"""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from random import Random

from remediator.model.alert import Group, Rule
from tests.remediator.parity.generated import (
    HOLDS,
    HOSTS,
    KEPT,
    LABELS,
    METRICS,
    RECORDED,
    RECORDS,
    STEP,
    THRESHOLDS,
    VECTORS,
    WHOLES,
    World,
)
from tests.remediator.parity.peers import ENDED, GAP, Point, Series

CELL = timedelta(seconds=5)
# So many cells lie behind when the first is watched. What VictoriaMetrics takes for a series' pace it makes of the
# samples so far: after two and a gap, it gives ``max_over_time(m[15s:5s])`` no value at one cell's very beginning,
# which is what vmalert asks about, and a value just before and just after.
BEFORE = 10
# Begins what we record ourselves.
OWN = "ours_"
WORLDS, RULES = 44, 7
# Labels of rules for everyone: with no template that names a label which may be missing.
PLAIN = {"severity": LABELS["severity"], "title": LABELS["title"][1:], "team": ("t",)}
# vmalert begins a group at a moment that it makes of the names of file and group: of these, 2.1 to 2.7 s into a cell.
# What it asks about is rounded down to the cell's beginning, so that a second or two do not make it another cell.
SHARED = ("made-k", "made-o", "made-r", "made-y")
ELSEWHERE = re.compile(r"time\(\)|timestamp\(|rate\(|increase\(|delta\(")
_VECTORS = tuple(vector for vector in VECTORS if not ELSEWHERE.search(vector))


@dataclass(frozen=True)
class Made:
    """The groups that everyone loads, those for Prometheus and us alone, and the data of either."""

    shared: tuple[Group, ...]
    strict: tuple[Group, ...]
    shared_data: tuple[Series, ...]
    strict_data: tuple[Series, ...]


@cache
def made(cells: int) -> Made:
    """All of it, with data for so many cells."""
    dice = Random(242)  # noqa: S311 - rules, not a secret
    worlds = {f"w{number}": _world(dice, cells, shared=number % 4 > 0) for number in range(WORLDS)}
    shared = {name: world for number, (name, world) in enumerate(worlds.items()) if number % 4 > 0}
    rules = [rule for name, world in shared.items() for rule in world.group(name).rules]
    groups = (Group(name, "made.yml", CELL, tuple(rules[n :: len(SHARED)])) for n, name in enumerate(SHARED))
    strict = {name: world for name, world in worlds.items() if name not in shared}
    return Made(
        tuple(groups),
        tuple(replace(world.group(name), file="made_strict.yml", interval=CELL) for name, world in strict.items()),
        tuple(series for name, world in shared.items() for series in world.data(name)),
        tuple(series for name, world in strict.items() for series in world.data(name)),
    )


def ours(group: Group) -> Group:
    """The group with records under names of our own: Prometheus' ruler records into the same store."""

    def renamed(text: str) -> str:
        return re.sub(r"\b(w\d+_rec)\b", rf"{OWN}\1", text)

    rules = (
        replace(rule, expr=renamed(rule.expr), name=renamed(rule.name) if rule.recording else rule.name)
        for rule in group.rules
    )
    return replace(group, rules=tuple(rules))


def _world(dice: Random, cells: int, *, shared: bool) -> World:
    rules = [_rule(dice, number, shared=shared) for number in range(RULES)]
    if not shared:
        record = Rule("", "@rec", _scaled(dice.choice(RECORDS)), recording=True)
        rules.insert(dice.randrange(RULES), record)
    holes: list[Point] = [GAP, ENDED] if shared else [GAP, ENDED, float("nan")]
    seed = dice.random()
    series = (
        Series(
            {"__name__": metric, "h": host, "r": "x" if host < "c" else "y"},
            _course(f"{seed} {metric} {host}", cells, holes),
        )
        for metric in METRICS
        for host in HOSTS[: dice.randint(1, 3)]
    )
    return World(tuple(rules), tuple(series))


def _rule(dice: Random, number: int, *, shared: bool) -> Rule:
    compared = f"({dice.choice(_VECTORS)}) {dice.choice(THRESHOLDS)}"
    kinds = [compared, compared, dice.choice(WHOLES)] + ([] if shared else [dice.choice(RECORDED)])
    texts = PLAIN if shared else LABELS
    labels = {name: dice.choice(some) for name, some in texts.items() if dice.random() < 0.5}
    hold = dice.choice(HOLDS) * (CELL / STEP)
    # vmalert's slots are not exactly as far apart as they should be: a second less, and none is near to a wait's end.
    hold = max(0.0, hold - 1) if shared else hold
    keep = 0.0 if shared else dice.choice(KEPT) * (CELL / STEP)
    return Rule(
        group="",
        name=f"@A{number}",
        expr=_scaled(dice.choice(kinds)),
        hold_for=timedelta(seconds=round(hold)),
        keep_firing_for=timedelta(seconds=round(keep)),
        labels=labels,
        annotations={"value": "{{ $value }}"},
    )


def _scaled(expr: str) -> str:
    """Minutes as so many cells."""
    return re.sub(r"\b(\d+)m\b", lambda found: f"{int(found[1]) * CELL.seconds}s", expr)


def _course(seed: str, cells: int, holes: list[Point]) -> tuple[Point, ...]:
    """A course in stretches of one to seven cells: levels, or steps of a counter with resets; with holes in it."""
    dice = Random(seed)  # noqa: S311 - data, not a secret
    hole, counts = dice.choice(holes), dice.random() < 0.2
    total, found = 0.0, list[Point]()
    while len(found) < cells:
        length, kind = dice.randint(1, 7), dice.random()
        if kind < 0.12:
            # An end is one marker; what follows it is missing.
            found += [hole, *[GAP if hole == ENDED else hole] * (length - 1)]
        elif not counts:
            found += [dice.choice([0.0, 0.0, 5.0, 5.0, float(dice.randint(0, 6))])] * length
        else:
            total = 0.0 if kind < 0.3 else total
            found += [total := total + dice.choice([0.0, 1.0, 2.0]) for _ in range(length)]
    return tuple(found[:cells])
