"""PromQL: syntax and types, and the parts of an expression in the order of its text."""

from collections.abc import Iterator
from typing import TypeGuard

import promql_parser as ql

SETS = ("and", "or", "unless")
# Functions whose result is one number without labels.
SCALARS = frozenset({"scalar", "vector", "time", "pi"})

Selector = ql.VectorSelector | ql.MatrixSelector


class BadExpression(ValueError):
    """The expression does not parse, with the parser's words."""


def parse(expression: str) -> ql.Expr:
    """Parse and type-check.

    Raises:
        BadExpression: with the parser's own words.
    """
    try:
        return ql.parse(expression)
    except ValueError as error:
        raise BadExpression(" ".join(str(error).split())) from error


def is_number(node: ql.Expr) -> bool:
    """Whether the expression is a plain number: combined with a vector it changes no labels."""
    if isinstance(node, ql.VectorSelector | ql.AggregateExpr):
        return False
    if isinstance(node, ql.BinaryExpr):
        return is_number(node.lhs) and is_number(node.rhs)
    if isinstance(node, ql.Call):
        return node.func.name in SCALARS - {"vector"}
    if isinstance(node, ql.ParenExpr | ql.UnaryExpr):
        return is_number(node.expr)
    return isinstance(node, ql.NumberLiteral)


def children(node: ql.Expr) -> list[ql.Expr]:
    """The parts directly beneath, in the order of the text; a range selector is one part, not two."""
    if isinstance(node, ql.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, ql.AggregateExpr):
        return [node.expr] if node.param is None else [node.param, node.expr]
    if isinstance(node, ql.Call):
        return list(node.args)
    return [node.expr] if isinstance(node, ql.ParenExpr | ql.UnaryExpr | ql.SubqueryExpr) else []


def nodes(root: ql.Expr) -> Iterator[ql.Expr]:
    """Every part of the expression, an operator between its sides: in the order of the text."""
    inner = children(root)
    if isinstance(root, ql.BinaryExpr):
        yield from nodes(inner[0])
        yield root
        yield from nodes(inner[1])
        return
    yield root
    for part in inner:
        yield from nodes(part)


def subqueries(root: ql.Expr) -> Iterator[ql.Expr]:
    """Every subquery, the inner before the outer: so their brackets come in the text."""
    for part in children(root):
        yield from subqueries(part)
    if isinstance(root, ql.SubqueryExpr):
        yield root


def is_selector(node: ql.Expr) -> TypeGuard[Selector]:
    """Whether it reads series from the store, at once or over a window."""
    return isinstance(node, Selector)


def selector_of(node: Selector) -> ql.VectorSelector:
    """The plain selector, also of one with a window."""
    return node.vector_selector if isinstance(node, ql.MatrixSelector) else node


def metric_name(selector: ql.VectorSelector) -> str:
    if selector.name:
        return str(selector.name)
    named = (m.value for m in selector.matchers.matchers if m.name == "__name__" and m.op == ql.MatchOp.Equal)
    return next(named, "")
