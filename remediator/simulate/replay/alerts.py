"""Every rule's alerts over a stretch of the past, from the store's history of the rule's own expression."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from remediator.model.alert import Alert, AlertState, Group, OnNoData, Rule
from remediator.model.policy import Policy
from remediator.simulate.replay.beside import beside
from remediator.simulate.replay.expr import selectors, with_recorded
from remediator.simulate.replay.past import Stretch
from remediator.simulate.replay.runs import Run, Span, Times, kept, merged, spans_within, without
from remediator.simulate.replay.truth import Element, Grid, Truths, grid_of
from remediator.sources.elements import alert_labels
from remediator.sources.fingerprint import fingerprint
from remediator.sources.history import HistoryError
from remediator.sources.store import Sample

# Beside each other: more only queue up in the store.
QUERIES = 2
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class AlertLife:
    """One life of one alert, in moments: ``fired`` is None when it never did, ``actionable`` are half-open."""

    rule: str
    labels: dict[str, str]
    born: datetime
    fired: datetime | None
    ended: datetime
    value: float
    actionable: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def playbook(self) -> str:
        return self.labels.get("playbook", "")

    def as_alert(self, seen: datetime) -> Alert:
        """The alert while it may be acted upon."""
        return Alert(
            fingerprint=fingerprint(self.labels),
            name=self.rule,
            labels=self.labels,
            state=AlertState.FIRING,
            active_at=self.born,
            value=self.value,
            fired_at=self.fired,
            last_seen=seen,
            actionable=True,
        )


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What became of one rule: how it was asked, how many elements were ever true, or why nothing is known."""

    rule: str
    group: str
    step: timedelta
    how: str = "the rule's own expression"
    elements: int = 0
    error: str = ""


def alerts_of(
    policy: Policy, truths: Truths, stretch: Stretch, closed: Sequence[tuple[datetime, datetime]], told: Told
) -> tuple[list[AlertLife], list[RuleReport]]:
    """All alerts of all rules; a rule whose history cannot be had is reported, and has none.

    Raises:
        HistoryError: no rule's history can be had.
    """
    recorded = _recordings(policy)
    work = [(group, rule) for group in policy.groups for rule in group.rules if not rule.recording]

    def one(item: tuple[Group, Rule]) -> tuple[list[AlertLife], RuleReport]:
        found = _rule(item[0], item[1], _Work(truths, stretch, closed, recorded))
        told(1)
        return found

    done = beside(one, work, QUERIES)
    errors = [report.error for _, report in done if report.error]
    if errors and len(errors) == len(done):
        raise HistoryError(errors[0])
    lives = [life for found, _ in done for life in found]
    return sorted(lives, key=lambda life: life.born), [report for _, report in done]


@dataclass(frozen=True, slots=True)
class _Work:
    truths: Truths
    stretch: Stretch
    closed: Sequence[tuple[datetime, datetime]]
    recorded: dict[str, str]


def _rule(group: Group, rule: Rule, work: _Work) -> tuple[list[AlertLife], RuleReport]:
    grid = grid_of(group, work.truths.asked, work.stretch)
    report = RuleReport(rule.name, group.name, grid.step)
    try:
        expr, how = _expression(rule, work)
        elements = work.truths.elements(expr, grid, work.stretch.end)
    except HistoryError as error:
        return [], replace(report, error=str(error))
    lives = list(_lives(group, rule, elements, grid, work))
    return lives, replace(report, elements=len(elements), how=how)


def _expression(rule: Rule, work: _Work) -> tuple[str, str]:
    """What to ask: recorded series where the store has them, what they record where it has not."""
    used = {each.name for each in selectors(rule.expr)} & work.recorded.keys()
    missing = {name for name in used if not work.truths.stored(name, work.stretch)}
    how = "the rule's own expression"
    if missing:
        how = f"with {', '.join(sorted(missing))} put in place: the store has no such series"
    elif used:
        how = "recorded series, as stored"
    return with_recorded(rule.expr, {name: work.recorded[name] for name in missing}), how


def _lives(group: Group, rule: Rule, elements: list[Element], grid: Grid, work: _Work) -> Iterable[AlertLife]:
    times = Times(-(-rule.hold_for // grid.step), -(-rule.keep_firing_for // grid.step))
    absent = _absent(rule, grid, work)
    shut = merged([*_shut(grid, work), *absent])
    spans = spans_within([kept(element.runs, absent) for element in elements], times, group.limit, shut)
    for element, mine in zip(elements, spans, strict=True):
        labels = alert_labels(rule, Sample(element.labels, element.value, grid.first))
        for span in mine:
            yield _life(rule, labels, element.value, span, grid)


def _shut(grid: Grid, work: _Work) -> list[Run]:
    """The slots at which the gate was closed."""
    return [run for start, end in work.closed if (run := grid.slots(start, end))[0] <= run[1]]


def _absent(rule: Rule, grid: Grid, work: _Work) -> list[Run]:
    """The slots at which nothing that the rule reads was there, where the rule does not take that for health."""
    if rule.outcomes.no_data is OnNoData.RESOLVE or not rule.presence:
        return []
    there = work.truths.elements(rule.presence, grid, work.stretch.end)
    every = (0, (work.stretch.end - grid.first) // grid.step)
    return without(every, merged([run for element in there for run in element.runs]))


def _life(rule: Rule, labels: dict[str, str], value: float, span: Span, grid: Grid) -> AlertLife:
    return AlertLife(
        rule=rule.name,
        labels=labels,
        born=grid.at(span.born),
        fired=grid.at(span.fired) if span.fired is not None else None,
        ended=grid.at(span.ended),
        value=value,
        actionable=tuple((grid.at(low), grid.at(high)) for low, high in span.actionable),
    )


def _recordings(policy: Policy) -> dict[str, str]:
    """What each recording rule records, with its labels put on and other recordings put in."""
    found: dict[str, str] = {}
    for group in policy.groups:
        for rule in group.rules:
            if rule.recording:
                found[rule.name] = _labelled(with_recorded(rule.expr, found), rule.labels)
    return found


def _labelled(expr: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
        expr = f'label_replace({expr}, "{name}", "{escaped}", "", "")'
    return expr
