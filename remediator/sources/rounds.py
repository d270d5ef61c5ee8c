"""One evaluation of one group: its rules one after the other, in a worker's thread."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from remediator.clock import Clock
from remediator.model.alert import Group, OnNoData, Rule
from remediator.model.evidence import Gate
from remediator.sources.elements import labels_change
from remediator.sources.evaluate import RuleState, Slot, advance
from remediator.sources.results import Absent, NoData, Queries, Result, StoreError
from remediator.sources.shown import asks_the_store
from remediator.sources.templates import asking
from remediator.sources.written import Block, Written
from remediator.templates.template import NOWHERE, Outside

# How long a rule waits for the store to take what an earlier rule of its group recorded.
SETTLE_SECONDS = 1.0


class Receiver(Protocol):
    """Where samples are put to be written back; ``settle`` waits until they are taken."""

    def put(self, block: Block) -> None: ...

    def settle(self, seconds: float) -> bool: ...


class Nowhere:
    """Takes nothing: there is no store to write to."""

    def put(self, block: Block) -> None:
        """Nothing."""

    def settle(self, seconds: float) -> bool:
        return seconds >= 0


NOWHERE_TO_WRITE = Nowhere()


@dataclass(frozen=True, slots=True)
class Means:
    """What an evaluation works with; ``outside`` is what templates may name beside a sample."""

    store: Queries
    clock: Clock
    gate: Callable[[], Gate]
    receiver: Receiver = NOWHERE_TO_WRITE
    outside: Outside = NOWHERE


@dataclass(slots=True, eq=False)
class RuleRun:
    """One rule at work: its state, what it has written, and how long its last evaluation took."""

    rule: Rule
    state: RuleState
    written: Written
    seconds: float = 0.0


def begin(rule: Rule) -> RuleRun:
    return RuleRun(rule, RuleState(rule), Written())


def evaluate_group(group: Group, runs: Iterable[RuleRun], at: datetime, missed: int, means: Means) -> list[RuleRun]:
    """The rules after that slot; blocks on the store."""
    waiting: set[str] = set()
    after = []
    for run in runs:
        if waiting and _names(run.rule.expr) & waiting:
            means.receiver.settle(SETTLE_SECONDS)
            waiting.clear()
        after.append(_evaluated(group, run, at, missed, means))
        if run.rule.recording:
            waiting.add(run.rule.name)
    return after


def _evaluated(group: Group, run: RuleRun, at: datetime, missed: int, means: Means) -> RuleRun:
    began, rule = means.clock.monotonic(), run.rule
    result = _ask(rule, at, means.store)
    # The gate is read after the query: one that closed meanwhile has seen what the query may not have.
    slot = Slot(at, means.gate().open, missed, _outside(rule, at, means))
    state = advance(rule, group, run.state, result, slot)
    means.receiver.put(run.written.block(state, at))
    return replace(run, state=state, seconds=means.clock.monotonic() - began)


def _ask(rule: Rule, at: datetime, store: Queries) -> Result | Absent:
    """The answer; an empty one is looked into where the rule's policy tells no data from health."""
    result = store.query(rule.expr, at)
    if not isinstance(result, NoData) or not rule.presence or rule.outcomes.no_data is OnNoData.RESOLVE:
        return result
    there = store.query(rule.presence, at)
    if isinstance(there, NoData):
        return Absent(result.seconds)
    return there if isinstance(there, StoreError) else result


def _outside(rule: Rule, at: datetime, means: Means) -> Outside:
    if labels_change(rule) or asks_the_store(rule):
        return replace(means.outside, query=asking(means.store, at))
    return means.outside


def _names(expr: str) -> set[str]:
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", expr))
