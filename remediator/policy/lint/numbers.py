"""What is done with numbers: rates of what is no counter, counters as they are, divisions that spoil a sum."""

from collections.abc import Iterator

import promql_parser as ql

from remediator.policy.lint.findings import Finding, Part, RuleView
from remediator.policy.metric_names import is_counter, own
from remediator.policy.promql.expression import metric_name, selector_of
from remediator.policy.promql.shape import COMPARISONS, bare, is_filter, number, operator

_OF_COUNTERS = frozenset({"rate", "irate", "increase", "resets"})
_OF_GAUGES = frozenset({"delta", "idelta"})
_SPOILED = frozenset({"sum", "avg", "stddev", "stdvar", "quantile"})
_KEEPS_VALUE = frozenset({"sum", "max", "min", "avg", "topk", "bottomk"})
_NEVER_ZERO = frozenset({"time", "timestamp", "exp"})


def check_rate(view: RuleView, part: Part) -> Iterator[Finding]:
    """Rates of gauges, differences of counters, and rates over what was added up."""
    name = operator(part.node)
    if not isinstance(part.node, ql.Call) or name not in _OF_COUNTERS | _OF_GAUGES:
        return
    over = part.node.args[0]
    if isinstance(over, ql.SubqueryExpr):
        if name in _OF_COUNTERS and isinstance(bare(over.expr), ql.AggregateExpr):
            message = f"{name}() of a sum: when one counter starts again the sum falls; write sum({name}(x[5m]))"
            yield view.at("promql/rate", part.node, message)
        return
    metric = metric_name(selector_of(over))
    kind = known.kind if (known := own(metric)) else ""
    if name in _OF_COUNTERS and kind == "gauge":
        message = f"{name}() takes each fall for a restart, and {metric} is a gauge: use delta() or deriv()"
        yield view.at("promql/rate", part.node, message)
    if name in _OF_GAUGES and (kind == "counter" or (not kind and metric.endswith("_total"))):
        message = f"{name}() does not know of restarts, and {metric} is a counter: use increase() or rate()"
        yield view.at("promql/rate", part.node, message)


def check_counter(view: RuleView, part: Part) -> Iterator[Finding]:
    """A counter tells how much since its start; what matters is how much lately."""
    node = part.node
    if view.rule.recording or not isinstance(node, ql.BinaryExpr) or str(node.op) not in COMPARISONS:
        return
    for side, other in ((node.lhs, node.rhs), (node.rhs, node.lhs)):
        counter = _bare_counter(side) if number(other) is not None else None
        if counter is not None:
            name = metric_name(counter)
            message = f"{name} is a counter and only grows: compare increase({name}[1h]) or rate({name}[5m])"
            yield view.at("promql/counter", counter, message)


def _bare_counter(node: ql.Expr) -> ql.VectorSelector | None:
    node = bare(node)
    if isinstance(node, ql.AggregateExpr) and str(node.op) in _KEEPS_VALUE:
        return _bare_counter(node.expr)
    return node if isinstance(node, ql.VectorSelector) and is_counter(metric_name(node)) else None


def check_nan(view: RuleView, part: Part) -> Iterator[Finding]:
    """0/0 is not a number; added to others it makes their sum none either."""
    node = part.node
    if not isinstance(node, ql.BinaryExpr) or str(node.op) not in ("/", "%") or _never_zero(node.rhs):
        return
    for outer in reversed(part.above):
        if is_filter(outer) or operator(outer) in ("min", "max", "count", "group"):
            return
        if isinstance(outer, ql.AggregateExpr) and str(outer.op) in _SPOILED:
            message = f"one 0/0 makes the whole {outer.op} not a number: guard the denominator, / (x > 0)"
            yield view.at("promql/nan", node, message)
            return


def _never_zero(node: ql.Expr) -> bool:
    node = bare(node)
    value = number(node)
    if value is not None:
        return value != 0
    if isinstance(node, ql.AggregateExpr):
        return str(node.op) in ("count", "group") or _never_zero(node.expr)
    if isinstance(node, ql.Call):
        at_least = number(node.args[1]) if node.func.name == "clamp_min" else None
        return bool(at_least and at_least > 0) or node.func.name in _NEVER_ZERO or any(map(_never_zero, node.args))
    if not isinstance(node, ql.BinaryExpr):
        return False
    both = str(node.op) in ("*", "/", "or")
    sides = [_never_zero(node.lhs), _never_zero(node.rhs)]
    return is_filter(node) or (all(sides) if both else str(node.op) in ("and", "unless") and sides[0])


def check_subquery(view: RuleView, part: Part) -> Iterator[Finding]:
    if isinstance(part.node, ql.SubqueryExpr) and part.node.step is None:
        message = "how often it looks is left to the server: write the step, for example [1h:1m]"
        yield view.at("promql/subquery", part.node, message)


def check_range(view: RuleView, part: Part) -> Iterator[Finding]:
    """Two filters of one value that no number passes."""
    outer, inner = part.node, bare(part.node.lhs) if isinstance(part.node, ql.BinaryExpr) else None
    if not isinstance(inner, ql.BinaryExpr) or not (is_filter(outer) and is_filter(inner)):
        return
    first, second = number(inner.rhs), number(outer.rhs)
    if first is None or second is None:
        return
    if not _possible((str(inner.op), first), (str(outer.op), second)):
        message = f"no value is {inner.op} {first:g} and {outer.op} {second:g}: it never holds"
        yield view.at("promql/comparison", outer, message)


def _possible(one: tuple[str, float], other: tuple[str, float]) -> bool:
    """Whether some number passes both: those around the two limits tell."""
    limits = sorted({one[1], other[1]})
    tried = [limits[0] - 1, *limits, limits[-1] + 1, sum(limits) / len(limits)]
    return any(_holds(value, *one) and _holds(value, *other) for value in tried)


def _holds(value: float, sign: str, limit: float) -> bool:
    return {
        ">": value > limit, "<": value < limit, ">=": value >= limit, "<=": value <= limit, "==": value == limit,
    }.get(sign, value != limit)  # fmt: skip
