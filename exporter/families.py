"""Metric families built fresh for each scrape, with less to write for each."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

# Label values and the sample's value.
Row = tuple[Sequence[str], float]


def gauge(name: str, text: str, value: float) -> Metric:
    """One sample without labels."""
    return GaugeMetricFamily(name, text, value=value)


def counter(name: str, text: str, value: float) -> Metric:
    """One sample without labels; ``name`` ends in ``_total``."""
    return CounterMetricFamily(name, text, value=value)


def gauges(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    """One sample for each row, its values in the order of ``labels``."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def counters(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    """As ``gauges``; ``name`` ends in ``_total``."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def one_hot(values: Iterable[tuple[Sequence[str], str]], states: Sequence[str]) -> Iterable[Row]:
    """For each labelled state a row of 0 or 1 for *every* possible state: a state that ends is seen to end."""
    for labels, current in values:
        for state in states:
            yield (*labels, state), float(state == current)
