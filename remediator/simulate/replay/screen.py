"""When may a rule's expression have been true at all? Asked first, for an hour at a time, it is soon answered.

``max by (host) (load) > 95`` cannot be true in an hour whose largest sample is 90. One window over each hour reads
each sample once, where the rule itself is worked out at each of its slots; then only the hours that are left are
asked for slot by slot. A screen never misses: it may let an hour through in which nothing was true, not the other
way round.
"""

from collections.abc import Sequence
from datetime import timedelta

import promql_parser as ql

from remediator.policy.promql.expression import BadExpression, parse

HOUR = timedelta(hours=1)
# As far back as a sample is seen in both stores.
_LOOKBACK = timedelta(minutes=5)
_UPWARDS = {">": "max", ">=": "max", "<": "min", "<=": "min"}
# Whatever these make of some values lies between the least and the largest of them.
_BETWEEN = frozenset({"max", "min", "avg", "quantile"})
_BETWEEN_OVER_TIME = frozenset({"max_over_time", "min_over_time", "avg_over_time", "last_over_time"})
# These make nothing but noughts of noughts.
_NOUGHT = frozenset({"max", "min", "avg", "sum"})

Queries = tuple[str, ...]


def screen(expr: str, window: timedelta = HOUR) -> Queries | None:
    """Queries, one of which has an element at the end of each window that may hold a true slot; None: any may."""
    try:
        return _screen(parse(expr), window)
    except BadExpression:
        return None


def _screen(node: ql.Expr, window: timedelta) -> Queries | None:
    match node:
        case ql.ParenExpr():
            return _screen(node.expr, window)
        case ql.AggregateExpr() if str(node.op) not in ("count_values", "absent"):
            # An aggregation of nothing is nothing.
            return _screen(node.expr, window)
        case ql.BinaryExpr():
            return _joined(node, str(node.op), window)
        case _:
            return None


def _joined(node: ql.BinaryExpr, op: str, window: timedelta) -> Queries | None:
    if op == "or":
        both = (_screen(node.lhs, window), _screen(node.rhs, window))
        return None if both[0] is None or both[1] is None else both[0] + both[1]
    if op == "unless":
        return _screen(node.lhs, window)
    if getattr(node.modifier, "return_bool", False):
        return None
    number = _number(node.rhs)
    if op in _UPWARDS and number is not None:
        return _compared(node.lhs, op, number, window)
    found = _screen(node.lhs, window)
    return _screen(node.rhs, window) if found is None else found


def _compared(node: ql.Expr, op: str, number: float, window: timedelta) -> Queries | None:
    bound = _bound(node, _UPWARDS[op], window)
    if bound is not None:
        return (f"{bound} {op} {number:g}",)
    positive = number > 0 or (number == 0 and op == ">")
    nought = _not_nought(node, window) if op in (">", ">=") and positive else None
    return _screen(node, window) if nought is None else nought


def _bound(node: ql.Expr, side: str, window: timedelta) -> str | None:
    """A number that no element of the node passes on that side, within the window."""
    match node:
        case ql.ParenExpr():
            return _bound(node.expr, side, window)
        case ql.AggregateExpr() if str(node.op) in _BETWEEN:
            return _bound(node.expr, side, window)
        case ql.VectorSelector() if _plain(node):
            return _extreme(node, side, window + _LOOKBACK)
        case ql.Call() if node.func.name in _BETWEEN_OVER_TIME and isinstance(node.args[0], ql.MatrixSelector):
            inner = node.args[0].vector_selector
            return _extreme(inner, side, window + node.args[0].range) if _plain(inner) else None
        case _:
            return None


def _not_nought(node: ql.Expr, window: timedelta) -> Queries | None:
    """Queries of which one has an element if any of the node's may be other than nought."""
    match node:
        case ql.ParenExpr():
            return _not_nought(node.expr, window)
        case ql.AggregateExpr() if str(node.op) in _NOUGHT:
            return _not_nought(node.expr, window)
        case ql.VectorSelector() if _plain(node):
            length = window + _LOOKBACK
            return (f"{_extreme(node, 'max', length)} > 0", f"{_extreme(node, 'min', length)} < 0")
        case ql.BinaryExpr() if str(node.op) in ("and", "unless", "/", "*"):
            return _not_nought(node.lhs, window)
        case _:
            return None


def _plain(selector: ql.VectorSelector) -> bool:
    return selector.offset is None and selector.at is None


def _extreme(selector: ql.VectorSelector, side: str, length: timedelta) -> str:
    return f"{side}({side}_over_time({selector.prettify()}[{round(length.total_seconds())}s]))"


def _number(node: ql.Expr) -> float | None:
    match node:
        case ql.NumberLiteral():
            return float(node.val)
        case ql.ParenExpr():
            return _number(node.expr)
        case ql.UnaryExpr():
            inner = _number(node.expr)
            return None if inner is None else -inner
        case _:
            return None


def left(hits: Sequence[int], slots: int, per_window: int) -> list[tuple[int, int]]:
    """The runs of slots to be asked for: window k ends at slot k times ``per_window`` and holds those before it."""
    found: list[tuple[int, int]] = []
    for hit in sorted(set(hits)):
        low, high = max(0, (hit - 1) * per_window + 1), min(slots, hit * per_window)
        if hit == 0:
            low = high = 0
        if low > high:
            continue
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found
