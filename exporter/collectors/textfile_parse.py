"""The text format, read more strictly than the client library reads it: what we pass on, a store must understand."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

NAME = re.compile(r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")
LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
TYPED = re.compile(r"^\s*#\s*TYPE\s+(\S+)\s+(\S+)\s*$", re.MULTILINE)
KINDS = frozenset({"counter", "gauge", "summary", "histogram", "unknown"})


@dataclass(frozen=True, slots=True)
class Found:
    """A family of a file; ``text`` is empty without a help line, ``name`` is as the client library has it."""

    name: str
    kind: str
    text: str
    samples: tuple[Sample, ...]

    @property
    def exposed(self) -> str:
        """The name on the page."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


def parse_prom(text: str) -> list[Found]:
    """Every family once. Raises ValueError, and whatever else the library does with what is no such text."""
    if text and not text.endswith("\n"):
        raise ValueError("it does not end with its last line: it was cut off, or is still being written")
    families = [_check(one) for one in text_string_to_metric_families(text)]
    # The library gives every counter the ending that OpenMetrics wants, and its samples too.
    bare = {name for name, kind in TYPED.findall(text) if kind == "counter" and not name.endswith("_total")}
    return merge([_bare(one) if one.name in bare and one.kind == "counter" else one for one in families])


def _check(metric: Metric) -> Found:
    if metric.type not in KINDS:
        raise ValueError(f"{metric.name}: no type is called {metric.type}")
    for sample in metric.samples:
        if sample.timestamp is not None:
            raise ValueError(f"{sample.name}: a sample has a time of its own")
        if not NAME.match(sample.name) or not all(LABEL.match(label) for label in sample.labels):
            raise ValueError(f"{sample.name}: a name that not every store takes")
        float(sample.value)
    return Found(metric.name, metric.type, metric.documentation, tuple(metric.samples))


def _bare(found: Found) -> Found:
    """A counter without the ending keeps its name, and thereby loses its type."""
    samples = tuple(one._replace(name=found.name) for one in found.samples)
    return Found(found.name, "unknown", found.text, samples)


def merge(families: Iterable[Found]) -> list[Found]:
    """Families of one file by name: the library begins a new one where lines of another stand between."""
    merged: dict[str, Found] = {}
    for one in families:
        first = merged.get(one.exposed)
        if first is None:
            merged[one.exposed] = one
            continue
        if "unknown" not in {first.kind, one.kind} and first.kind != one.kind:
            raise ValueError(f"{one.exposed}: it is a {first.kind} and a {one.kind}")
        kind = one.kind if first.kind == "unknown" else first.kind
        merged[one.exposed] = Found(first.name, kind, first.text or one.text, first.samples + one.samples)
    return [one for one in merged.values() if one.samples]
