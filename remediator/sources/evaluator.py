"""The shell around ``evaluate``: asks the store group by group and keeps the alerts."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from remediator.clock import Clock
from remediator.model.alert import Alert, Group, KeptAlert
from remediator.model.evidence import Gate
from remediator.sources.evaluate import RuleState, stepped
from remediator.sources.kept import revived, rule_keys
from remediator.sources.results import Queries
from remediator.sources.rounds import NOWHERE_TO_WRITE, Means, Receiver, RuleRun, begin, evaluate_group
from remediator.sources.slots import group_key, missed
from remediator.sources.succession import succeed
from remediator.sources.views import GroupView, RuleView, view_rule
from remediator.templates.template import NOWHERE, Outside

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
log = logging.getLogger("fleetmend.rules")
# A wall clock that departs further than this from the monotonic one between two looks was stepped.
STEP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class GroupReport:
    """What is counted of one group: evaluations of rules, failures, slots missed, and the last run's seconds."""

    evaluations: int = 0
    failures: int = 0
    missed: int = 0
    seconds: float = 0.0
    last_slot: datetime | None = None


class _GroupRun:
    """One group at work: its rules, and a lock, for a group never overlaps itself."""

    def __init__(self, group: Group, rules: list[RuleRun], report: GroupReport, lock: asyncio.Lock) -> None:
        self.group = group
        self.rules = rules
        self.report = report
        self.lock = lock
        self._alerts: dict[int, tuple[object, tuple[Alert, ...]]] = {}

    def alerts(self, index: int) -> tuple[Alert, ...]:
        """A rule's alerts, made once after each evaluation."""
        state = self.rules[index].state
        made = self._alerts.get(index)
        if made is None or made[0] is not state:
            made = self._alerts[index] = (state, state.alerts)
        return made[1]


class Evaluator:
    """Every group's alerts and recorded series.

    ``gate`` is read at each slot: what was seen through a closed gate is shown and not acted upon. ``threads`` are
    where groups block on the store; give them their own, so that one that hangs holds up nothing else.
    ``receiver`` is where ALERTS and recorded series go. ``moved`` is set whenever some alert's state moves.
    """

    def __init__(
        self,
        groups: Iterable[Group],
        store: Queries,
        clock: Clock,
        gate: Callable[[], Gate],
        threads: Executor | None = None,
        receiver: Receiver = NOWHERE_TO_WRITE,
        outside: Outside = NOWHERE,
    ) -> None:
        self._means = Means(store, clock, gate, receiver, outside)
        self._threads = threads
        self._runs = {group_key(group): _begun(group) for group in groups}
        self._lead = self._wall_lead()
        self.stepped = timedelta()
        self.moved = asyncio.Event()

    @property
    def groups(self) -> tuple[Group, ...]:
        return tuple(run.group for run in self._runs.values())

    def group(self, key: str) -> Group | None:
        run = self._runs.get(key)
        return run.group if run else None

    async def run_group(self, key: str, at: datetime) -> None:
        """Evaluate every rule of the group at that slot; a slot not after the last one is not evaluated again."""
        run = self._runs.get(key)
        if run is None:
            return
        self.mind_the_clock()
        stepped_before = self.stepped
        async with run.lock:
            # The rules may have been replaced while we waited; and after a step the slot is of another time.
            run = self._runs.get(key, run)
            self.mind_the_clock()
            last = run.report.last_slot
            if self.stepped == stepped_before and (last is None or at > last):
                await self._evaluate(key, run, at)

    def mind_the_clock(self) -> None:
        """Look whether the wall clock was stepped; ``stepped`` adds the steps up, and ages stay as they are.

        Slots come from the wall clock: after a step they go on from its new time, at once, and none is evaluated
        twice.
        """
        lead = self._wall_lead()
        step, self._lead = lead - self._lead, lead
        if abs(step) <= STEP:
            return
        self.stepped += step
        log.warning("the clock was stepped by %.1f s: alerts keep their ages", step.total_seconds())
        for run in self._runs.values():
            run.rules = [replace(rule, state=stepped(rule.state, step)) for rule in run.rules]
            last = run.report.last_slot
            run.report = replace(run.report, last_slot=last + step if last else None)
        self.moved.set()

    def alerts(self) -> tuple[Alert, ...]:
        """Every alert there is: pending, firing, and resolved not long ago."""
        runs = self._runs.values()
        return tuple(alert for run in runs for index in range(len(run.rules)) for alert in run.alerts(index))

    def views(self) -> tuple[GroupView, ...]:
        """Every group and rule with its last evaluation."""
        return tuple(
            GroupView(run.group, run.report.last_slot, run.report.seconds, tuple(_rule_views(run)))
            for run in self._runs.values()
        )

    def reports(self) -> Mapping[str, GroupReport]:
        """The counters, by group key."""
        return {key: run.report for key, run in self._runs.items()}

    def slots(self) -> Iterator[tuple[str, timedelta, datetime | None]]:
        """Each group's name and interval, and the slot that was evaluated last."""
        for run in self._runs.values():
            yield run.group.name, run.group.interval or timedelta(minutes=1), run.report.last_slot

    def errors(self) -> Mapping[str, str]:
        """The rules whose last evaluation failed, with the reason, by ``group key/alert``."""
        return {
            f"{key}/{rule.rule.name}": rule.state.error
            for key, run in self._runs.items()
            for rule in run.rules
            if rule.state.error
        }

    def replace_groups(self, groups: Iterable[Group]) -> None:
        """Take other rules; alerts stay by group, name and labels. What is written no more is said to have ended."""
        before = self._runs
        self._runs = {group_key(group): _taken_over(group, before.get(group_key(group))) for group in groups}
        stay = {id(rule.written) for run in self._runs.values() for rule in run.rules}
        self._end(rule for run in before.values() for rule in run.rules if id(rule.written) not in stay)
        self.moved.set()

    def states(self) -> Iterator[tuple[str, RuleState]]:
        """Every rule's state by its place: group key and key within the group."""
        for key, run in self._runs.items():
            for place, rule in zip(rule_keys(run.group), run.rules, strict=True):
                yield f"{key}/{place}", rule.state

    def restore(self, kept: Iterable[KeptAlert], away: timedelta = timedelta()) -> None:
        """Show kept alerts again, after so long; none is actionable before this process has seen it true itself."""
        by_rule: dict[str, list[KeptAlert]] = {}
        for alert in kept:
            by_rule.setdefault(alert.rule, []).append(alert)
        for key, run in self._runs.items():
            for place, rule in zip(rule_keys(run.group), run.rules, strict=True):
                rule.state = revived(rule.rule, by_rule.get(f"{key}/{place}", ()), away)
                # What had been written is known, so that its end can be told.
                rule.written.remember(rule.state)

    async def _evaluate(self, key: str, run: _GroupRun, at: datetime) -> None:
        began, loop, stepped_before = self._means.clock.monotonic(), asyncio.get_running_loop(), self.stepped
        before, gaps = run.rules, missed(run.report.last_slot, at, run.group.interval)
        after = await loop.run_in_executor(self._threads, evaluate_group, run.group, before, at, gaps, self._means)
        if self.stepped != stepped_before:
            by = self.stepped - stepped_before
            after, at = [replace(rule, state=stepped(rule.state, by)) for rule in after], at + by
        report = run.report
        counted = replace(
            report,
            evaluations=report.evaluations + len(after),
            failures=report.failures + sum(bool(rule.state.error) for rule in after),
            missed=report.missed + gaps,
            seconds=self._means.clock.monotonic() - began,
            last_slot=at,
        )
        self._take_in(key, run, after, counted)
        if any(a.state.elements is not b.state.elements for a, b in zip(after, before, strict=True)):
            self.moved.set()

    def _take_in(self, key: str, run: _GroupRun, after: list[RuleRun], report: GroupReport) -> None:
        """What an evaluation came to; if the rules were replaced meanwhile, the new ones go on from there."""
        now = self._runs.get(key)
        if now is run:
            run.rules, run.report = after, report
        elif now is not None:
            now.rules, now.report = succeed(now.group, after), report
        else:
            self._end(after)

    def _end(self, rules: Iterable[RuleRun]) -> None:
        at = self._means.clock.now()
        for rule in rules:
            self._means.receiver.put(rule.written.ended(at))

    def _wall_lead(self) -> timedelta:
        """How far the wall clock is ahead of the monotonic one."""
        wall = self._means.clock.now()
        return wall - _EPOCH - timedelta(seconds=self._means.clock.monotonic())


def _begun(group: Group) -> _GroupRun:
    return _GroupRun(group, [begin(rule) for rule in group.rules], GroupReport(), asyncio.Lock())


def _taken_over(group: Group, before: _GroupRun | None) -> _GroupRun:
    if before is None:
        return _begun(group)
    return _GroupRun(group, succeed(group, before.rules), before.report, before.lock)


def _rule_views(run: _GroupRun) -> Iterator[RuleView]:
    for index, rule in enumerate(run.rules):
        yield view_rule(rule.rule, rule.state, run.alerts(index), rule.seconds)
