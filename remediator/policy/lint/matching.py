"""Whether the two sides of an operator can meet, and what an aggregation keeps."""

from collections.abc import Iterator

import promql_parser as ql

from remediator.policy.lint.findings import Finding, Part, RuleView
from remediator.policy.metric_names import own
from remediator.policy.promql.expression import is_number, is_selector, metric_name, selector_of
from remediator.policy.promql.labels import Labels
from remediator.policy.promql.shape import SAMPLED, bare, is_filter, is_set, is_vector_pair, metrics

_KEEPS_SERIES = frozenset(
    {"abs", "ceil", "floor", "round", "rate", "irate", "increase", "delta", "deriv", "predict_linear", "changes"}
)


def check_aggregate(view: RuleView, part: Part) -> Iterator[Finding]:
    node = part.node
    if not isinstance(node, ql.AggregateExpr) or not node.modifier:
        return
    if node.modifier.type != ql.AggModifierType.By:
        return
    beneath = view.labels_of(node.expr)
    for label in node.modifier.labels:
        if not beneath.may_have(label):
            message = f"label {label!r} is gone before: keep it through the inner expression, or leave it out here"
            yield view.at_offset("promql/aggregate", view.places.listed(node, label), message)


def check_fragile(view: RuleView, part: Part) -> Iterator[Finding]:
    node = part.node
    if view.rule.recording:
        return
    if isinstance(node, ql.AggregateExpr) and str(node.op) in SAMPLED and not any(map(_adds_labels, part.above)):
        message = f"who is among the {node.op} changes from one evaluation to the next, and 'for' begins anew"
        yield view.at("promql/fragile", node, f"{message}: compare with a threshold")
    if is_vector_pair(node) and not view.rule.hold_for and _of_two_scrapes(node):
        message = "the two sides are scraped at different times: without 'for' one odd moment fires the alert"
        yield view.at("promql/fragile", node, message)


def _adds_labels(node: ql.Expr) -> bool:
    """Whether it takes labels over from one side: topk(1, ...) there only makes that side unambiguous."""
    return isinstance(node, ql.BinaryExpr) and bool(node.modifier and node.modifier.group_labels)


def _of_two_scrapes(node: ql.BinaryExpr) -> bool:
    sides = [bare(node.lhs), bare(node.rhs)]
    if str(node.op) != "/" or not all(isinstance(_inner(side), ql.AggregateExpr) for side in sides):
        return False
    return metrics(sides[0]) != metrics(sides[1])


def _inner(node: ql.Expr) -> ql.Expr:
    """What a filter lets through."""
    return _inner(bare(node.lhs)) if is_filter(node) else bare(node)


def check_impossible(view: RuleView, part: Part) -> Iterator[Finding]:
    node = part.node
    if not is_vector_pair(node) or str(node.op) == "or":
        return
    left, right = view.labels_of(node.lhs), view.labels_of(node.rhs)
    on = node.modifier.matching if node.modifier else None
    if on is not None and on.type == ql.LabelModifierType.Include:
        yield from _on(view, node, (left, right), on.labels)
    elif left.exact and right.exact:
        ignored = frozenset(on.labels) if on else frozenset()
        odd = sorted((left.names ^ right.names) - ignored)
        if odd:
            sides = "left" if odd[0] in left.names else "right"
            message = (
                f"only the {sides} side has label {odd[0]!r}: nothing matches; write on (...) with what both have"
            )
            yield view.at("promql/impossible", node, message)


def _on(view: RuleView, node: ql.BinaryExpr, sides: tuple[Labels, Labels], labels: list[str]) -> Iterator[Finding]:
    for label in labels:
        for one, other, word in ((sides[0], sides[1], "left"), (sides[1], sides[0], "right")):
            if not one.may_have(label) and other.exact and label in other.names:
                message = f"the {word} side has lost label {label!r}: nothing matches"
                yield view.at_offset("promql/impossible", view.places.listed(node, label), message)


def check_vector_matching(view: RuleView, part: Part) -> Iterator[Finding]:
    """Several elements for one set of matched labels: the evaluation fails as soon as both are there."""
    node = part.node
    if not is_vector_pair(node) or is_set(node) or node.modifier is None or node.modifier.matching is None:
        return
    on, card = node.modifier.matching, node.modifier.card
    if on.type != ql.LabelModifierType.Include:
        return
    for side in _single_sides(node, card):
        extra = sorted(_told_apart_by(side) - frozenset(on.labels))
        if extra:
            message = (
                f"several elements have the same {', '.join(on.labels) or 'labels'}: they differ in {extra[0]!r}; "
                f"aggregate them, or match on it too"
            )
            yield view.at("promql/vector_matching", _series(side), message)


def _single_sides(node: ql.BinaryExpr, card: ql.VectorMatchCardinality) -> list[ql.Expr]:
    """The sides of which only one element may match."""
    sides = []
    if card in (ql.VectorMatchCardinality.OneToOne, ql.VectorMatchCardinality.OneToMany):
        sides.append(node.lhs)
    if card in (ql.VectorMatchCardinality.OneToOne, ql.VectorMatchCardinality.ManyToOne):
        sides.append(node.rhs)
    return sides


def _told_apart_by(node: ql.Expr) -> frozenset[str]:
    """The labels of a metric of ours that tell its series apart on one target; none where that is not known."""
    node = _series(node)
    if not is_selector(node):
        return frozenset()
    metric = own(metric_name(selector_of(node)))
    if metric is None or metric.name.endswith("_info"):
        return frozenset()
    pinned = {m.name for m in selector_of(node).matchers.matchers if m.op == ql.MatchOp.Equal}
    return metric.labels - pinned - {"region", "rack", "vantage_region", "vantage_rack", "job", "instance"}


def _series(node: ql.Expr) -> ql.Expr:
    """The selector whose series come through one by one; anything else as it is."""
    node = bare(node)
    if is_filter(node) and is_number(node.rhs):
        return _series(node.lhs)
    if isinstance(node, ql.Call) and node.func.name in _KEEPS_SERIES:
        return _series(node.args[0])
    return node
