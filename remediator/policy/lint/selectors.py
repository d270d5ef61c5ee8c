"""What a selector says that it need not, or cannot mean."""

import re
from collections.abc import Iterator

import promql_parser as ql

from remediator.policy.lint.findings import Finding, Part, RuleView
from remediator.policy.promql.expression import is_selector, metric_name, selector_of

_REGEX = (ql.MatchOp.Re, ql.MatchOp.NotRe)
_SPECIAL = re.compile(r"[.+*?()\[\]{}|^$\\]")


def check_selector(view: RuleView, part: Part) -> Iterator[Finding]:
    if not is_selector(part.node):
        return
    selector = selector_of(part.node)
    matchers = selector.matchers.matchers
    if not matchers and selector.name:
        return
    yield from _unnamed(view, part.node, selector)
    yield from _contradiction(view, part.node, matchers)
    for matcher in matchers:
        if matcher.op in _REGEX and (said := _needless(matcher)):
            yield view.at_offset("promql/regexp", view.places.matcher(part.node, matcher.name), said)


def _unnamed(view: RuleView, node: ql.Expr, selector: ql.VectorSelector) -> Iterator[Finding]:
    if not metric_name(selector):
        pattern = next((m for m in selector.matchers.matchers if m.name == "__name__"), None)
        message = (
            "metrics by a pattern: their names are taken off, and two of them may give the same labels; name one"
            if pattern
            else "every metric with these labels is read: name one"
        )
        yield view.at("promql/selector", node, message)


def _contradiction(view: RuleView, node: ql.Expr, matchers: list[ql.Matcher]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for number, matcher in enumerate(matchers):
        if matcher.op == ql.MatchOp.Equal and seen.setdefault(matcher.name, matcher.value) != matcher.value:
            values = f"{seen[matcher.name]!r} and {matcher.value!r}"
            message = f"label {matcher.name!r} cannot be {values} at once: nothing matches; write =~ with both"
            turn = sum(one.name == matcher.name for one in matchers[:number])
            place = view.places.matcher(node, matcher.name, turn)
            yield view.at_offset("promql/impossible", place, message)


def _needless(matcher: ql.Matcher) -> str:
    value, equal = matcher.value, "=" if matcher.op == ql.MatchOp.Re else "!="
    if value == ".*":
        return "matches everything: leave it out" if equal == "=" else "excludes everything: nothing is left"
    if not _SPECIAL.search(value):
        return f'needs no regular expression: write {matcher.name}{equal}"{value}"'
    if value.startswith("^") or (value.endswith("$") and not value.endswith("\\$")):
        return "is anchored at both ends by itself: leave ^ and $ out"
    return ""
