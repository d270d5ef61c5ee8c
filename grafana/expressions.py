"""Every expression of every dashboard as plain PromQL, for whoever wants to parse them or ask a store."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from grafana.dashboard import Dashboard
from grafana.dashboards import DASHBOARDS


class Expression(NamedTuple):
    """Where an expression stands, and the expression with Grafana's variables replaced."""

    dashboard: str
    panel: str
    expression: str


_CHOSEN = re.compile(r'=~?"\$\w+"')


def substituted(expression: str, window: str = "1m") -> str:
    """The expression as Grafana would send it with everything chosen and a rate interval of ``window``."""
    return _CHOSEN.sub('=~".+"', expression.replace("$__rate_interval", window))


def expressions() -> list[Expression]:
    """All of them, in the order of the screen; an annotation stands under "annotation: NAME"."""
    return [entry for dashboard in DASHBOARDS.values() for entry in _of(dashboard)]


def _of(dashboard: Dashboard) -> Iterator[Expression]:
    for panel in dashboard.panels:
        for query in panel.queries:
            yield Expression(dashboard.title, panel.title, substituted(query.expression))
    for annotation in dashboard.annotations:
        yield Expression(dashboard.title, f"annotation: {annotation.name}", substituted(annotation.expression))
