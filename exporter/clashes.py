"""One name, one family: what files bring must not break what the page has already."""

import logging
from collections.abc import Sequence
from functools import lru_cache

from prometheus_client.metrics_core import Metric

from exporter.families import Family

log = logging.getLogger(__name__)


def settle_clashes(families: Sequence[Metric]) -> list[Metric]:
    """The families, each name once: our own first, then, if type and help are the same, series that it lacks.

    Others of a name that is taken are left out, which the log says once for each.
    """
    if len({_exposed(one) for one in families}) == len(families):
        return list(families)
    settled: dict[str, Metric] = {}
    # Those that are not of our own kind have come from files.
    for one in sorted(families, key=lambda family: not isinstance(family, Family)):
        first = settled.setdefault(_exposed(one), one)
        if first is not one:
            settled[_exposed(one)] = _joined(first, one)
    return list(settled.values())


def _exposed(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _joined(first: Metric, other: Metric) -> Metric:
    if (first.type, first.documentation) != (other.type, other.documentation):
        _tell_once(_exposed(first))
        return first
    joined = Metric(first.name, first.documentation, first.type)
    both = [*other.samples, *first.samples]
    joined.samples = list({(one.name, frozenset(one.labels.items())): one for one in both}.values())
    return joined


@lru_cache(maxsize=256)
def _tell_once(name: str) -> None:
    log.warning("%s: left out of a file, for the page has a metric of that name, of another type or help", name)
