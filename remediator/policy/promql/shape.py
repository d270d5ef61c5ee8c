"""Small questions about a part of an expression that several checks ask."""

from collections.abc import Iterator
from typing import TypeGuard

import promql_parser as ql

from remediator.policy.promql.expression import (
    SETS,
    Selector,
    children,
    is_number,
    is_selector,
    metric_name,
    selector_of,
)

COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SAMPLED = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})


def operator(node: ql.Expr) -> str:
    """The operator of a binary expression, or the name of an aggregation or function; empty for anything else."""
    match node:
        case ql.BinaryExpr() | ql.AggregateExpr():
            return str(node.op)
        case ql.Call():
            return str(node.func.name)
        case _:
            return ""


def bare(node: ql.Expr) -> ql.Expr:
    """Without the parentheses and signs around it."""
    while isinstance(node, ql.ParenExpr | ql.UnaryExpr):
        node = node.expr
    return node


def is_filter(node: ql.Expr) -> TypeGuard[ql.BinaryExpr]:
    """Whether it is a comparison that leaves elements out, rather than one that says 0 or 1."""
    if not isinstance(node, ql.BinaryExpr) or str(node.op) not in COMPARISONS:
        return False
    return not (node.modifier and node.modifier.return_bool)


def conditional(node: ql.Expr) -> bool:
    """Whether something in it can be false: a filter, an absence, a set difference."""
    match node:
        case ql.BinaryExpr():
            return _conditional_pair(node)
        case ql.Call():
            return node.func.name in ("absent", "absent_over_time") or any(conditional(arg) for arg in node.args)
        case ql.VectorSelector():
            return metric_name(node) in ("ALERTS", "ALERTS_FOR_STATE")
        case _:
            return any(conditional(part) for part in children(node))


def _conditional_pair(node: ql.BinaryExpr) -> bool:
    if is_filter(node):
        return True
    sides = [conditional(node.lhs), conditional(node.rhs)]
    match str(node.op):
        case "unless":
            return True
        case "or":
            return all(sides)
        case _:
            return any(sides)


def number(node: ql.Expr) -> float | None:
    """The value of a plain number, with its sign."""
    if isinstance(node, ql.ParenExpr):
        return number(node.expr)
    if isinstance(node, ql.UnaryExpr):
        inner = number(node.expr)
        return None if inner is None else -inner
    return float(node.val) if isinstance(node, ql.NumberLiteral) else None


def selectors(node: ql.Expr) -> Iterator[Selector]:
    """Every selector beneath, those with a window too."""
    if is_selector(node):
        yield node
    for part in children(node):
        yield from selectors(part)


def metrics(node: ql.Expr) -> frozenset[str]:
    return frozenset(metric_name(selector_of(one)) for one in selectors(node))


def is_vector_pair(node: ql.Expr) -> TypeGuard[ql.BinaryExpr]:
    """Whether it joins two vectors one way or the other."""
    return isinstance(node, ql.BinaryExpr) and not is_number(node.lhs) and not is_number(node.rhs)


def is_set(node: ql.BinaryExpr) -> bool:
    return str(node.op) in SETS
