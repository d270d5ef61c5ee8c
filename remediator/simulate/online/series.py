"""Selectors held against the store: what is not there, what is not that old, what is not sampled that often."""

from collections.abc import Iterator
from datetime import timedelta

import promql_parser as ql

from remediator.policy.lint.findings import Finding, RuleView
from remediator.policy.promql.expression import Selector, is_selector, metric_name, selector_of
from remediator.simulate.online.asking import Asking

WEEK = "7d"
# Made by the evaluator itself, when there is something to make: their absence says nothing.
_MADE = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
# Below this a window is not held against what the store keeps.
_LONG = timedelta(hours=1)


def check_series(view: RuleView, asking: Asking) -> Iterator[Finding]:
    """Selectors that nothing matches: first the metric, then the label or the value that breaks it."""
    for node in _selectors(view):
        selector = selector_of(node)
        name = metric_name(selector)
        text = _plain(selector)
        if name in _MADE or name in asking.recorded or asking.count(text):
            continue
        if asking.was_there(text, WEEK):
            message = f"{text} was there within the last week, and is not now"
            yield view.at("online/series", node, message)._replace(severity="info")
        elif name and not asking.was_there(name, WEEK):
            message = f"{name} is not in the store, and was not within the last week"
            yield view.at("online/series", node, message)
        else:
            yield _breaks(view, node, name, asking)


def check_windows(view: RuleView, asking: Asking) -> Iterator[Finding]:
    """Windows that hold fewer than two samples as they really come."""
    for node in _selectors(view):
        if not isinstance(node, ql.MatrixSelector) or node.range >= timedelta(minutes=10):
            continue
        every = asking.scraped_every(_plain(node.vector_selector))
        # A tenth more, for samples do not come to the millisecond.
        if every and node.range < 2 * every * 0.9:
            message = f"the store has a sample every {every.total_seconds():.0f} s, and a window wants two of them"
            yield view.at_offset("online/window", view.places.window(node), message)


def check_ranges(view: RuleView, asking: Asking) -> Iterator[Finding]:
    """Windows and offsets that reach further back than the store remembers."""
    for node in _selectors(view):
        selector = selector_of(node)
        back = _reach(node)
        name = metric_name(selector)
        if back < _LONG or not name or not asking.count(name):
            continue
        seconds = int(back.total_seconds())
        # The hour before the far end: a sample there shows that the store reaches so far.
        if not asking.number(f"count(present_over_time({name}[1h] offset {max(seconds - 3600, 0)}s))"):
            message = f"the store has nothing of {name} that is {_words(back)} old: the window is not full"
            place = view.places.window(node) if isinstance(node, ql.MatrixSelector) else view.places.of(node)
            yield view.at_offset("online/range", place, message)


def cost_of(view: RuleView, asking: Asking) -> tuple[int, int]:
    """How many series one evaluation reads, and about how many samples."""
    series = samples = 0
    for node in _selectors(view):
        text = _plain(selector_of(node))
        found = asking.count(text)
        series += found
        every = asking.scraped_every(text) if isinstance(node, ql.MatrixSelector) and found else None
        samples += int(found * (node.range / every)) if every and isinstance(node, ql.MatrixSelector) else found
    return series, samples


def _selectors(view: RuleView) -> list[Selector]:
    return [part.node for part in view.parts if is_selector(part.node)]


def _plain(selector: ql.VectorSelector) -> str:
    """The name and the matchers alone."""
    matchers = ",".join(_matcher(matcher) for matcher in selector.matchers.matchers)
    return f"{selector.name or ''}{{{matchers}}}" if matchers else str(selector.name)


def _matcher(matcher: ql.Matcher) -> str:
    sign = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}[str(matcher.op).rpartition(".")[2]]
    value = matcher.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{matcher.name}{sign}"{value}"'


def _breaks(view: RuleView, node: Selector, name: str, asking: Asking) -> Finding:
    """Of a metric that is there, the matcher that leaves nothing."""
    for matcher in selector_of(node).matchers.matchers:
        alone = f"{name}{{{_matcher(matcher)}}}"
        if not asking.was_there(alone, WEEK):
            missing = not asking.was_there(f'{name}{{{matcher.name}!=""}}', WEEK)
            message = (
                f"no series of {name} has had a label {matcher.name!r} within the last week"
                if missing
                else f"no series of {name} has had {_matcher(matcher)} within the last week"
            )
            return view.at_offset("online/series", view.places.matcher(node, matcher.name), message)
    return view.at("online/series", node, f"no series of {name} matches all of these labels at once")


def _reach(node: Selector) -> timedelta:
    selector = selector_of(node)
    back = selector.offset if isinstance(selector.offset, timedelta) else timedelta()
    return back + (node.range if isinstance(node, ql.MatrixSelector) else timedelta())


def _words(span: timedelta) -> str:
    return f"{span.days}d" if span >= timedelta(days=1) and not span.seconds else f"{span.total_seconds():g}s"
