"""The only module that knows the PromQL parser: syntax, and which labels a result can carry."""

from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser as ql

SETS = ("and", "or", "unless")
# Functions whose result is one number without labels.
SCALARS = frozenset({"scalar", "vector", "time", "pi"})


class BadExpression(ValueError):
    """The expression does not parse, with the parser's words."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of a result's labels: when ``exact``, ``names`` are all; else anything but ``dropped``."""

    exact: bool
    names: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()

    def may_have(self, label: str) -> bool:
        return label in self.names or not (self.exact or label in self.dropped)

    def only(self, names: frozenset[str]) -> "Labels":
        return Labels(exact=True, names=frozenset(name for name in names if self.may_have(name)))

    def without(self, names: frozenset[str]) -> "Labels":
        return Labels(
            exact=self.exact, names=self.names - names, dropped=self.dropped | (frozenset() if self.exact else names)
        )

    def plus(self, names: frozenset[str]) -> "Labels":
        return Labels(exact=self.exact, names=self.names | names, dropped=self.dropped - names)


ANYTHING = Labels(exact=False)
NOTHING = Labels(exact=True)


def parse(expression: str) -> ql.Expr:
    """Parse and type-check.

    Raises:
        BadExpression: with the parser's own words.
    """
    try:
        return ql.parse(expression)
    except ValueError as error:
        raise BadExpression(" ".join(str(error).split())) from error


def output_labels(node: ql.Expr) -> Labels:
    """Which labels the elements of the expression's result can carry."""
    match node:
        case ql.AggregateExpr():
            return _aggregated(node)
        case ql.BinaryExpr():
            return _joined(node)
        case ql.Call():
            return _called(node)
        case ql.ParenExpr() | ql.UnaryExpr() | ql.SubqueryExpr():
            return output_labels(node.expr)
        case ql.NumberLiteral() | ql.StringLiteral():
            return NOTHING
        case _:
            return ANYTHING


def is_number(node: ql.Expr) -> bool:
    """Whether the expression is a plain number: combined with a vector it changes no labels."""
    match node:
        case ql.NumberLiteral():
            return True
        case ql.ParenExpr() | ql.UnaryExpr():
            return is_number(node.expr)
        case ql.BinaryExpr():
            return is_number(node.lhs) and is_number(node.rhs)
        case ql.Call():
            return node.func.name in SCALARS - {"vector"}
        case _:
            return False


def metric_names(node: ql.Expr) -> set[str]:
    """The metrics that the expression reads by name."""
    return {name for selector in _selectors(node) if (name := _name(selector))}


def _selectors(node: ql.Expr) -> Iterator[ql.VectorSelector]:
    found: list[ql.VectorSelector] = []

    def note(inner: ql.Expr) -> bool:
        if isinstance(inner, ql.VectorSelector):
            found.append(inner)
        elif isinstance(inner, ql.MatrixSelector):
            found.append(inner.vector_selector)
        return True

    ql.walk(node, note)
    return iter(found)


def _name(selector: ql.VectorSelector) -> str:
    if selector.name:
        return str(selector.name)
    named = (m.value for m in selector.matchers.matchers if m.name == "__name__" and m.op == ql.MatchOp.Equal)
    return next(named, "")


def _aggregated(node: ql.AggregateExpr) -> Labels:
    inner, operator = output_labels(node.expr), str(node.op)
    if operator in ("topk", "bottomk", "limitk", "limit_ratio"):
        return inner
    names = frozenset(node.modifier.labels) if node.modifier else frozenset()
    if node.modifier and node.modifier.type == ql.AggModifierType.Without:
        result = inner.without(names)
    else:
        result = inner.only(names)
    if operator == "count_values" and isinstance(node.param, ql.StringLiteral):
        return result.plus(frozenset({node.param.val}))
    return result


def _joined(node: ql.BinaryExpr) -> Labels:
    left, right = output_labels(node.lhs), output_labels(node.rhs)
    operator = str(node.op)
    if operator in SETS:
        return _either(left, right) if operator == "or" else left
    if is_number(node.lhs):
        return right
    if is_number(node.rhs):
        return left
    return _matched(node, left, right)


def _either(left: Labels, right: Labels) -> Labels:
    """Of ``a or b`` an element may come from either side: a label may be there if one side may have it."""
    if left.exact and right.exact:
        return Labels(exact=True, names=left.names | right.names)
    open_sides = [side for side in (left, right) if not side.exact]
    dropped = frozenset.intersection(*(side.dropped for side in open_sides))
    return Labels(exact=False, names=left.names | right.names, dropped=dropped - left.names - right.names)


def _matched(node: ql.BinaryExpr, left: Labels, right: Labels) -> Labels:
    modifier = node.modifier
    if modifier is None:
        return left
    card = modifier.card
    groups = frozenset(modifier.group_labels or ())
    if card == ql.VectorMatchCardinality.ManyToOne:
        return left.plus(frozenset(name for name in groups if right.may_have(name)))
    if card == ql.VectorMatchCardinality.OneToMany:
        return right.plus(frozenset(name for name in groups if left.may_have(name)))
    if modifier.matching is None:
        return left
    names = frozenset(modifier.matching.labels)
    included = modifier.matching.type == ql.LabelModifierType.Include
    return left.only(names) if included else left.without(names)


def _called(node: ql.Call) -> Labels:
    name, args = node.func.name, node.args
    if name in SCALARS:
        return NOTHING
    if name in ("absent", "absent_over_time"):
        return _asked_for(args[0])
    vectors = [arg for arg in args if not is_number(arg) and not isinstance(arg, ql.StringLiteral)]
    inner = output_labels(vectors[0]) if vectors else NOTHING
    if name in ("label_replace", "label_join") and isinstance(args[1], ql.StringLiteral):
        return inner.plus(frozenset({args[1].val}))
    return inner.without(frozenset({"le"})) if name == "histogram_quantile" else inner


def _asked_for(node: ql.Expr) -> Labels:
    """``absent`` echoes the equality matchers of a plain selector, and nothing else."""
    if isinstance(node, ql.ParenExpr):
        return _asked_for(node.expr)
    if not isinstance(node, ql.VectorSelector | ql.MatrixSelector):
        return NOTHING
    selector = next(_selectors(node))
    equal = (m.name for m in selector.matchers.matchers if m.op == ql.MatchOp.Equal)
    return Labels(exact=True, names=frozenset(equal) - {"__name__"})
