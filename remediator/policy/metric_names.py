"""Which metrics there are: on our own pages, recorded by the rules, and declared in rules/foreign_metrics.yml."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from remediator.actions.fields import Duration, Strict, Text
from remediator.model.errors import BadInput, Problem
from remediator.policy.problems import did_you_mean, validate
from remediator.policy.yaml.positions import read_document

FOREIGN = "foreign_metrics.yml"
# What every store, and every evaluator of rules, makes by itself.
BUILT_IN = frozenset(
    {
        "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
        "scrape_series_added", "scrape_timeout_seconds", "scrape_samples_limit", "scrape_response_size_bytes",
        "ALERTS", "ALERTS_FOR_STATE",
    }
)  # fmt: skip
# One metric for each line of a file of the kernel: which lines there are is up to the kernel.
KERNEL = ("node_memory_", "node_netstat_", "node_vmstat_")
_PARTS = ("_bucket", "_sum", "_count")
# What a scrape adds, or keeps aside when a page says the same.
_SCRAPED = frozenset({"job", "instance", "__name__"})


@dataclass(frozen=True, slots=True)
class Metric:
    """One of our own; ``labels`` with those of its scrape target."""

    name: str
    kind: str
    labels: frozenset[str]


class ForeignFile(Strict):
    """rules/foreign_metrics.yml."""

    scrape_interval: Duration = timedelta(seconds=1)
    names: list[Text] = Field(default_factory=list)
    prefixes: list[Text] = Field(default_factory=list)
    labels: list[Text] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KnownMetrics:
    """Names besides our own; ``scrape_interval`` is the longest at which what the rules read is scraped."""

    recorded: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()
    scrape_interval: timedelta = timedelta(seconds=1)

    def has(self, name: str) -> bool:
        if name in self.recorded or name in self.names or name in BUILT_IN or own(name):
            return True
        return name.startswith((*KERNEL, *self.prefixes))

    def lacks_label(self, name: str, label: str) -> bool:
        """Whether it is known that the metric never has the label."""
        metric = own(name)
        if (
            metric is None
            or name in BUILT_IN
            or label in _SCRAPED
            or label in self.labels
            or label.startswith("exported_")
        ):
            return False
        return label not in metric.labels and label not in ("le", "quantile")

    def labels_of(self, name: str) -> frozenset[str]:
        metric = own(name)
        return (metric.labels if metric else frozenset()) | self.labels

    def meant(self, name: str) -> str:
        return did_you_mean(name, [*shipped(), *self.recorded, *self.names, *BUILT_IN], 0.75)


def known_metrics(folder: Path, recorded: Iterable[str]) -> tuple[KnownMetrics, list[Problem]]:
    """What the folder's rules may read besides our own pages, and what is wrong with its foreign_metrics.yml."""
    path, made = folder / FOREIGN, frozenset(recorded)
    if not path.exists():
        return KnownMetrics(made), []
    try:
        document = read_document(path)
    except BadInput as error:
        return KnownMetrics(made), error.problems
    fields, problems = validate(ForeignFile, document)
    if fields is None:
        return KnownMetrics(made), problems
    names, labels = frozenset(fields.names), frozenset(fields.labels)
    for index, name in enumerate(fields.names):
        if own(name) or name in made:
            message = f"{name} is no foreign metric: it is on our own pages, or recorded by a rule"
            problems.append(document.problem(("names", index), message, severity="info", check="foreign/unused"))
    return KnownMetrics(made, names, tuple(fields.prefixes), labels, fields.scrape_interval), problems


def own(name: str) -> Metric | None:
    """The metric of that name on one of our pages; parts of a histogram or summary are counters."""
    known = shipped()
    if name in known:
        return known[name]
    part = next((part for part in _PARTS if name.endswith(part)), "")
    whole = known.get(name.removesuffix(part)) if part else None
    if whole is None or whole.kind not in ("histogram", "summary"):
        return None
    return Metric(name, "counter", whole.labels)


def is_counter(name: str) -> bool:
    metric = own(name)
    return metric.kind == "counter" if metric else name.endswith("_total")


@cache
def shipped() -> dict[str, Metric]:
    """Every metric of our own pages, by name."""
    text = (files("remediator") / "shipped" / "metrics.txt").read_text("utf-8")
    rows = (line.split(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: Metric(name, kind, frozenset(labels.split(",")) - {""}) for name, kind, labels in rows}
