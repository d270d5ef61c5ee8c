"""The elements of a rule's result: what each is called, and what has become of it. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from remediator.model.alert import AlertState, Rule
from remediator.sources.fingerprint import fingerprint
from remediator.sources.results import Sample, Series
from remediator.sources.templates import expand
from remediator.templates.template import NOWHERE, Outside, compiled

# On an alert that tells of the rule itself: what came of asking, ``no_data`` or ``error``.
OUTCOME_LABEL = "outcome"


class Identity:
    """An element's series, and the labels that it has as an alert or a recorded series of its rule.

    ``about_rule`` is the summary of an alert that stands for the rule itself, "" for every other.
    """

    __slots__ = ("about_rule", "fingerprint", "labels", "series")

    def __init__(self, series: Series, labels: dict[str, str], about_rule: str = "") -> None:
        self.series = series
        self.labels = labels
        self.fingerprint = fingerprint(labels)
        self.about_rule = about_rule


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """An alert without what changes at each slot.

    ``present_since`` is when the unbroken chain of slots that had it began; None while it is missing. ``last`` is
    its last value and when that was seen, kept once it is missing.
    """

    identity: Identity
    state: AlertState
    active_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    keep_since: datetime | None = None
    present_since: datetime | None = None
    last: tuple[float, datetime | None] = (0.0, None)


def identified(rule: Rule, series: Series, value: float, outside: Outside) -> Identity:
    """What this series is for that rule."""
    if rule.recording:
        return Identity(series, recorded_labels(rule, series.labels))
    return Identity(series, _labels(rule, series, value, outside))


def alert_labels(rule: Rule, sample: Sample) -> dict[str, str]:
    """The element's labels, the rule's own over them, and the alert's name; empty values are no labels."""
    return _labels(rule, Series(sample.labels), sample.value, NOWHERE)


def recorded_labels(rule: Rule, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of a recorded series, its name among them."""
    merged = {**labels, **rule.labels, "__name__": rule.name}
    return {name: value for name, value in merged.items() if value}


def labels_change(rule: Rule) -> bool:
    """Whether an element's labels may change while its series stays the same."""
    texts = () if rule.recording else [compiled(text) for text in rule.labels.values()]
    return any(text.uses_value or text.uses_query for text in texts)


def about_rule(rule: Rule, outcome: str, text: str) -> Identity:
    """The alert that says of a rule that it can tell nothing. It asks for no playbook."""
    own = {name: expand(value, {}, float("nan")) for name, value in rule.labels.items() if name != "playbook"}
    labels = {**own, "alertname": rule.name, OUTCOME_LABEL: outcome}
    return Identity(Series({}), {name: value for name, value in labels.items() if value}, text)


def _labels(rule: Rule, series: Series, value: float, outside: Outside) -> dict[str, str]:
    given = series.named
    own = {name: expand(text, given, value, outside, rule.name) for name, text in rule.labels.items()}
    merged = {**series.labels, **own, "alertname": rule.name}
    return {name: text for name, text in merged.items() if text and name != "__name__"}
