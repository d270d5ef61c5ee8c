"""The shell around ``evaluate``: asks the store group by group and keeps the alerts."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime

from remediator.clock import Clock
from remediator.model.alert import Alert, Group, Rule
from remediator.model.evidence import Gate
from remediator.sources.evaluate import Element, RuleState, Slot, advance
from remediator.sources.slots import group_key, missed
from remediator.sources.store import Queries


@dataclass(frozen=True, slots=True)
class GroupReport:
    """What is counted of one group: evaluations of rules, failures, slots missed, and the last run's seconds."""

    evaluations: int = 0
    failures: int = 0
    missed: int = 0
    seconds: float = 0.0
    last_slot: datetime | None = None


@dataclass(slots=True)
class _GroupRun:
    """One group at work: its rules' states, and a lock, for a group never overlaps itself."""

    group: Group
    states: dict[str, RuleState] = field(default_factory=dict)
    report: GroupReport = GroupReport()
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Evaluator:
    """Alert state of every group; recording rules are left to the store's own evaluator.

    ``gate`` is read at each slot: what was seen through a closed gate is shown and not acted upon. ``threads``
    are where queries block; give the store its own, so that one that hangs holds up nothing else.
    """

    def __init__(
        self,
        groups: Iterable[Group],
        store: Queries,
        clock: Clock,
        gate: Callable[[], Gate],
        threads: Executor | None = None,
    ) -> None:
        self._threads = threads
        self._store = store
        self._clock = clock
        self._gate = gate
        self._runs = {group_key(group): _GroupRun(group) for group in groups}

    @property
    def groups(self) -> tuple[Group, ...]:
        return tuple(run.group for run in self._runs.values())

    async def run_group(self, key: str, at: datetime) -> None:
        """Evaluate every rule of the group at that slot; a slot not after the last one is not evaluated again."""
        run = self._runs.get(key)
        if run is None:
            return
        async with run.lock:
            if run.report.last_slot is not None and at <= run.report.last_slot:
                return
            await self._evaluate(run, at)

    def alerts(self) -> tuple[Alert, ...]:
        """Every alert there is: pending, firing, and resolved not long ago."""
        return tuple(alert for run in self._runs.values() for state in run.states.values() for alert in state.alerts)

    def reports(self) -> Mapping[str, GroupReport]:
        """The counters, by group key."""
        return {key: run.report for key, run in self._runs.items()}

    def errors(self) -> Mapping[str, str]:
        """The rules whose last evaluation failed, with the reason, by ``group key/alert``."""
        return {
            f"{key}/{name}": state.error
            for key, run in self._runs.items()
            for name, state in run.states.items()
            if state.error
        }

    def replace_groups(self, groups: Iterable[Group]) -> None:
        """Take other rules; a rule that did not change keeps its alerts."""
        kept = self._runs
        self._runs = {group_key(group): _taken_over(group, kept.get(group_key(group))) for group in groups}

    def state(self) -> dict[str, tuple[Alert, ...]]:
        """What has to outlive a restart: the alerts by ``group key/alert``."""
        return {
            f"{key}/{name}": state.alerts
            for key, run in self._runs.items()
            for name, state in run.states.items()
            if state.alerts
        }

    def restore(self, saved: Mapping[str, Iterable[Alert]]) -> None:
        """Show saved alerts again; none is actionable before this process has seen it true itself."""
        for key, run in self._runs.items():
            for rule in run.group.rules:
                alerts = saved.get(f"{key}/{rule.name}", ())
                elements = {alert.fingerprint: Element(replace(alert, actionable=False)) for alert in alerts}
                if elements:
                    run.states[rule.name] = RuleState(elements)

    async def _evaluate(self, run: _GroupRun, at: datetime) -> None:
        began = self._clock.monotonic()
        gaps = missed(run.report.last_slot, at, run.group.interval)
        failures = 0
        for rule in run.group.rules:
            if not rule.recording:
                failures += await self._rule(run, rule, at, gaps)
        run.report = replace(
            run.report,
            evaluations=run.report.evaluations + sum(not rule.recording for rule in run.group.rules),
            failures=run.report.failures + failures,
            missed=run.report.missed + gaps,
            seconds=self._clock.monotonic() - began,
            last_slot=at,
        )

    async def _rule(self, run: _GroupRun, rule: Rule, at: datetime, gaps: int) -> bool:
        """Evaluate one rule; whether it failed."""
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._threads, self._store.query, rule.expr, at)
        # The gate is read after the query: one that closed meanwhile has seen what the query may not have.
        slot = Slot(at, self._gate().open, gaps)
        state = advance(rule, run.group, run.states.get(rule.name, RuleState()), result, slot)
        run.states[rule.name] = state
        return bool(state.error)


def _taken_over(group: Group, before: _GroupRun | None) -> _GroupRun:
    if before is None:
        return _GroupRun(group)
    same = {rule.name for rule in group.rules if _plain(rule) in {_plain(old) for old in before.group.rules}}
    states = {name: state for name, state in before.states.items() if name in same}
    return _GroupRun(group, states, before.report)


def _plain(rule: Rule) -> str:
    """The rule without its place in the file: moving it changes nothing."""
    return repr(replace(rule, file="", line=0, annotations={}))
