"""One rule as its own file shows it: the expression part by part, then its name, labels and texts."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import promql_parser as ql

from remediator.model.alert import Group, Rule
from remediator.policy.lint.alert import check_absent, check_alert
from remediator.policy.lint.findings import Finding, Part, RuleView, view_of
from remediator.policy.lint.matching import check_aggregate, check_fragile, check_impossible, check_vector_matching
from remediator.policy.lint.numbers import check_counter, check_nan, check_range, check_rate, check_subquery
from remediator.policy.lint.selectors import check_selector
from remediator.policy.promql.expression import BadExpression, is_number, parse
from remediator.policy.promql.shape import bare
from remediator.policy.promql.syntax import explained, is_metricsql
from remediator.policy.yaml.places import Where

_PARTS: dict[type[ql.Expr], tuple[Callable[[RuleView, Part], Iterator[Finding]], ...]] = {
    ql.VectorSelector: (check_selector,),
    ql.MatrixSelector: (check_selector,),
    ql.Call: (check_rate, check_absent),
    ql.SubqueryExpr: (check_subquery,),
    ql.AggregateExpr: (check_aggregate, check_fragile),
    ql.BinaryExpr: (
        *(check_counter, check_nan, check_range),
        *(check_fragile, check_impossible, check_vector_matching),
    ),
}
LONGEST_INTERVAL = timedelta(minutes=5)
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ALERT = re.compile(r"[A-Z][a-zA-Z0-9]*")


def examine_rule(rule: Rule, group: Group, where: Where) -> tuple[RuleView, list[Finding]]:
    """The rule parsed and walked once, and what is wrong with it."""
    try:
        view = view_of(rule, group, where, parse(rule.expr))
    except BadExpression as error:
        view, found = view_of(rule, group, where, None), [_syntax(rule.expr, str(error))]
    else:
        found = [*_kind(view), *_expression(view)]
    return view, [*found, *_named(rule), *_labels(rule), *([] if rule.recording else check_alert(view))]


def _expression(view: RuleView) -> Iterator[Finding]:
    for part in view.parts:
        for check in _PARTS.get(type(part.node), ()):
            yield from check(view, part)


def _syntax(text: str, said: str) -> Finding:
    foreign = is_metricsql(text)
    if foreign:
        message = f"{foreign[1]!r} is MetricsQL: the rules must load in Prometheus too, so say it in PromQL"
        return Finding("promql/metricsql", ("expr",), message, foreign[0])
    at, words = explained(text, said)
    return Finding("promql/syntax", ("expr",), words, at)


def _kind(view: RuleView) -> Iterator[Finding]:
    if view.tree is None:
        return
    tree = bare(view.tree)
    match tree:
        case ql.MatrixSelector() | ql.SubqueryExpr():
            message = "the result is a range: take a function over it, for example max_over_time(x[5m])"
        case ql.StringLiteral():
            message = "the result is a text: a rule needs series"
        case _ if not view.rule.recording and is_number(tree):
            message = "the result is a bare number, the same at any time: compare a series"
        case _:
            return
    yield view.at("promql/type", tree, message)


def _named(rule: Rule) -> Iterator[Finding]:
    if rule.recording:
        if not _METRIC.fullmatch(rule.name):
            message = f"{rule.name!r} cannot be a metric's name: letters, digits, _ and :"
            yield Finding("rule/name", ("record",), message, severity="error")
        elif ":" not in rule.name:
            yield Finding(
                "rule/name", ("record",), "a recording is called level:metric:operation, so that it is known for one"
            )
    elif not _LABEL.fullmatch(rule.name):
        message = f"{rule.name!r}: an alert's name is made of letters, digits and underscores"
        yield Finding("rule/name", ("alert",), message, severity="error")
    elif not _ALERT.fullmatch(rule.name):
        yield Finding("rule/name", ("alert",), f"alerts are called like HostDead, not {rule.name}")


def _labels(rule: Rule) -> Iterator[Finding]:
    for name, value in rule.labels.items():
        if name in ("alertname", "alertstate") or name.startswith("__"):
            yield Finding(
                "rule/label", ("labels", name), "Prometheus sets this label itself: leave it out", at_key=True
            )
        if rule.recording and "{{" in value:
            yield Finding(
                "rule/label", ("labels", name), "labels of recordings are not templates: write the text out"
            )
    if rule.keep_firing_for:
        message = "vmalert before 1.92 refuses this field: such an evaluator cannot load the file"
        yield Finding("rule/portable", ("keep_firing_for",), message, at_key=True)
