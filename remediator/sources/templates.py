"""Labels and annotations of rules, filled in with what the store holds."""

from collections.abc import Mapping
from datetime import datetime

from remediator.sources.store import Queries, StoreError, Vector
from remediator.templates.functions import QueryFailed, QueryFunction
from remediator.templates.template import NOWHERE, Outside, compiled


def expand(text: str, labels: Mapping[str, str], value: float, outside: Outside = NOWHERE, name: str = "") -> str:
    """The text for one sample; what cannot be filled in says so in its place, as Prometheus does."""
    return compiled(text).expand(labels, value, outside, name)


def asking(store: Queries, at: datetime) -> QueryFunction:
    """``query`` for templates: an instant query at that moment; it blocks."""

    def query(expression: str) -> list[tuple[Mapping[str, str], float]]:
        result = store.query(expression, at)
        if isinstance(result, StoreError):
            raise QueryFailed(result.reason)
        if not isinstance(result, Vector):
            return []
        return [(series.named, value) for series, value in zip(result.series, result.values, strict=True)]

    return query
