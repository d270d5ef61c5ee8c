"""``check --online``: what the rules would meet in the store as it is now, and as it was in the last days."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from remediator.model.alert import Group, Rule
from remediator.model.errors import Problem
from remediator.model.policy import Policy
from remediator.policy.lint.everything import FileFacts, examine_file, recordings
from remediator.policy.lint.findings import Finding, RuleView, told
from remediator.policy.yaml.positions import Document
from remediator.simulate.online.alerts import Fired, firings
from remediator.simulate.online.asking import Asking
from remediator.simulate.online.series import check_ranges, check_series, check_windows, cost_of
from remediator.sources.history import History, HistoryError
from remediator.sources.store import Store, StoreError, Vector

DAYS = 7
# From here on a query is worth a recording: what one evaluation reads, and how long it takes.
MANY_SERIES = 50_000
MANY_SAMPLES = 5_000_000
LONG = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """What one rule cost and would have done; ``fired`` is None where it could not be asked."""

    rule: str
    seconds: float
    series: int
    samples: int
    fired: Fired | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the store told."""

    problems: tuple[Problem, ...]
    rows: tuple[Row, ...] = ()


def ask_online(policy: Policy, documents: Mapping[str, Document], asking: Asking, days: int = DAYS) -> Report:
    """All that is wrong with the rules on this store, and a row for each of them.

    ``documents`` are the files by the names that rules have for them; ``days`` are looked back on for firings.
    """
    answer = asking.store.query("vector(1)", asking.now)
    if isinstance(answer, StoreError):
        return Report((Problem("", 0, 0, answer.reason, "error", "online/store"),))
    files = _files(policy, documents)
    asking.recorded = recordings(files.values())
    problems: list[Problem] = []
    rows: list[Row] = []
    for facts in files.values():
        for view in facts.rules:
            if view.tree is not None:
                row, found = _rule(view, asking, timedelta(days=days))
                rows.append(row)
                problems += [told(facts.document, view.where, finding) for finding in found]
    return Report(tuple(sorted(set(problems))), tuple(rows))


def _files(policy: Policy, documents: Mapping[str, Document]) -> dict[str, FileFacts]:
    groups: dict[str, list[Group]] = {}
    for group in policy.groups:
        groups.setdefault(group.file, []).append(group)
    return {file: examine_file(tuple(found), documents[file]) for file, found in groups.items() if file in documents}


def _rule(view: RuleView, asking: Asking, span: timedelta) -> tuple[Row, list[Finding]]:
    answer = asking.store.query(view.rule.expr, asking.now)
    if isinstance(answer, StoreError):
        finding = Finding("online/error", ("expr",), f"the store cannot answer: {answer.reason}")
        return Row(view.rule.name, answer.seconds, 0, 0, None), [finding]
    series, samples = cost_of(view, asking)
    fired, labels = _past(view.rule, view.group, asking, span)
    row = Row(view.rule.name, answer.seconds, series, samples, fired)
    now = [sample.labels for sample in answer.samples] if isinstance(answer, Vector) else []
    found = [*check_series(view, asking), *check_windows(view, asking), *check_ranges(view, asking)]
    return row, [*found, *_overwritten(view.rule, [*now, *labels]), *_cost(row), *_count(row, span)]


def _past(rule: Rule, group: Group, asking: Asking, span: timedelta) -> tuple[Fired | None, list[dict[str, str]]]:
    """How often the alert would have fired, and the labels of whatever was true."""
    if rule.recording:
        return None, []
    try:
        return firings(rule, group, asking.history, asking.now - span, asking.now)
    except HistoryError:
        return None, []


def _overwritten(rule: Rule, results: Iterable[Mapping[str, str]]) -> Iterator[Finding]:
    for name, value in rule.labels.items():
        lost = next((one[name] for one in results if one.get(name, value) != value), None)
        if lost is not None and "{{" not in value:
            message = f"the result has this label too ({lost!r}), and the rule's {value!r} takes its place"
            yield Finding("online/conflict", ("labels", name), message)


def _cost(row: Row) -> Iterator[Finding]:
    reasons = [
        f"reads {row.series} series" if row.series > MANY_SERIES else "",
        f"reads about {row.samples} samples" if row.samples > MANY_SAMPLES else "",
        f"took {row.seconds:.1f} s" if row.seconds > LONG.total_seconds() else "",
    ]
    if any(reasons):
        message = f"{' and '.join(filter(None, reasons))} at each evaluation: record the inner part as a series"
        yield Finding("online/cost", ("expr",), message)


def _count(row: Row, span: timedelta) -> Iterator[Finding]:
    fired = row.fired
    if fired and fired.times:
        times, sets = _counted(fired.times, "time"), _counted(fired.elements, "label set")
        longest, step = (f"{each.total_seconds():g}s" for each in (fired.longest, fired.step))
        message = f"would have fired {times} for {sets} in the last {span.days} days, at most for {longest}"
        message += f" (looked at every {step})"
        yield Finding("online/count", ("alert",), message)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def table(report: Report) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings and lines for people: what each rule costs, and how often it would have fired."""
    headings = ("RULE", "SECONDS", "SERIES", "SAMPLES", "FIRED")
    lines = [
        [
            row.rule,
            f"{row.seconds:.3f}",
            str(row.series),
            str(row.samples),
            str(row.fired.times) if row.fired else "-",
        ]
        for row in report.rows
    ]
    return headings, lines


def asking_at(url: str, now: datetime, timeout: timedelta, token_file: Path | None = None) -> Asking:
    """The store's two faces at one moment."""
    return Asking(Store(url, timeout, token_file), History(url, timeout, token_file), now)
