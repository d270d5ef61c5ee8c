"""What happened to each target from when to when, for whoever draws a timeline."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from remediator.simulate.replay.results import Replayed

# From the mildest to what matters most: the last one wins where several fall into one place.
KINDS = ("pending", "firing", "suspect", "dead", "held", "acted on")


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one target's row; ``kind`` counts in ``KINDS``."""

    start: datetime
    end: datetime
    kind: int
    text: str


def marks(replayed: Replayed) -> dict[str, list[Mark]]:
    """Every target's marks; those of which most can be said come first."""
    found: dict[str, list[Mark]] = {}
    for target, mark in (*_alerts(replayed), *_lives(replayed), *_decisions(replayed)):
        found.setdefault(target, []).append(mark)
    names = sorted(found, key=lambda name: (-max(mark.kind for mark in found[name]), name))
    return {name: found[name] for name in names}


def _alerts(replayed: Replayed) -> Iterator[tuple[str, Mark]]:
    for life in replayed.alerts:
        name = life.labels.get("host") or life.labels.get("region") or life.rule
        yield name, Mark(life.born, life.fired or life.ended, 0, f"{life.rule} pending")
        if life.fired:
            yield name, Mark(life.fired, life.ended, 1, f"{life.rule} firing")


def _lives(replayed: Replayed) -> Iterator[tuple[str, Mark]]:
    doubted: dict[str, tuple[datetime, int]] = {}
    kinds = {"suspect": 2, "dead": 3}
    for change in replayed.lives:
        began = doubted.pop(change.host, None)
        if began:
            yield change.host, Mark(began[0], change.at, began[1], KINDS[began[1]])
        if change.life in kinds:
            doubted[change.host] = (change.at, kinds[change.life])
    for host, (at, kind) in doubted.items():
        yield host, Mark(at, replayed.stretch.end, kind, KINDS[kind])


def _decisions(replayed: Replayed) -> Iterator[tuple[str, Mark]]:
    for hold in replayed.holds:
        held = hold.decision
        yield held.target, Mark(held.at, hold.ended, 4, f"{held.playbook}: {held.reason}: {held.text}")
    for act in replayed.acts:
        yield act.target, Mark(act.at, act.at, 5, f"{act.playbook}: {act.text}")
