"""Whether anything that a rule reads is there at all: what tells *no data* from *healthy*."""

import promql_parser as ql

from remediator.policy.promql import expression as promql


def presence(expression: str) -> str:
    """PromQL whose result has one element if any series that the expression reads is there, and none if not.

    Comparisons, joins and functions are left out: only the plain selectors are counted, each over the window that
    the expression gives it. Empty for an expression that reads no series (``vector(1)``).

    Raises:
        BadExpression: it does not parse.
    """
    asked = dict.fromkeys(_asked(promql.parse(expression)))
    return " or ".join(f"count({selector})" for selector in asked)


def _asked(root: ql.Expr) -> list[str]:
    return [_over_window(node) for node in promql.nodes(root) if promql.is_selector(node)]


def _over_window(node: ql.Expr) -> str:
    text = str(node.prettify())
    return f"present_over_time({text})" if isinstance(node, ql.MatrixSelector) else text
