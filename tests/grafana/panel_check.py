"""Ask a store for every panel: shared by the test on sample pages and the one on a fleet's story."""

from collections import defaultdict
from datetime import datetime, timedelta

import requests

from grafana.expressions import Expression, expressions


def panels_without_data(store: str, end: datetime, span: timedelta = timedelta(minutes=30)) -> list[str]:
    """ "DASHBOARD / PANEL" of each panel none of whose expressions has a sample in the span before ``end``.

    Raises AssertionError when the store refuses an expression.
    """
    samples: dict[str, int] = defaultdict(int)
    for entry in expressions():
        samples[f"{entry.dashboard} / {entry.panel}"] += _count_samples(store, entry, end, span)
    return [panel for panel, count in samples.items() if not count]


def _count_samples(store: str, entry: Expression, end: datetime, span: timedelta) -> int:
    times = {"start": str((end - span).timestamp()), "end": str(end.timestamp()), "step": "5s"}
    answer = requests.get(
        f"{store}/api/v1/query_range", params={"query": entry.expression, "nocache": "1", **times}, timeout=30
    )
    assert answer.ok, f"{entry.dashboard} / {entry.panel}: {entry.expression}: {answer.text[:300]}"
    return sum(len(series["values"]) for series in answer.json()["data"]["result"])
