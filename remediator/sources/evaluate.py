"""One rule, one slot, one result: the next alerts. PURE, and as Prometheus does it.

What Prometheus has not: *actionable*. An alert may be shown on the strength of kept state, but acted upon only
when it was observed true at every slot of its ``for``, by this process, with the gate open at each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from remediator.model.alert import Alert, AlertState, Group, Rule
from remediator.sources.fingerprint import fingerprint
from remediator.sources.store import NoData, Result, Sample, StoreError, Vector
from remediator.sources.templates import expand

# A resolved alert is told again for this long, for whoever missed the first telling.
RESOLVED_RETENTION = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Element:
    """An alert, and since when it was true at every slot with the gate open; None when that chain is broken."""

    alert: Alert
    clean_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule's elements by fingerprint; ``error`` is empty after a good evaluation."""

    elements: Mapping[str, Element] = field(default_factory=dict)
    error: str = ""
    evaluated_at: datetime | None = None

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(element.alert for element in self.elements.values())


@dataclass(frozen=True, slots=True)
class Slot:
    """The moment of an evaluation, and what is known of it: is the gate open, were slots before it missed?"""

    at: datetime
    gate_open: bool
    missed: int = 0


class BadResult(ValueError):
    """The result cannot be alerts: two elements with the same labels, or more than the limit."""


def advance(rule: Rule, group: Group, previous: RuleState, result: Result, slot: Slot) -> RuleState:
    """The rule's state after this slot.

    A store error leaves every alert as it is, and actionable no longer. A result beyond the group's limit clears
    the rule and is an error; duplicate label sets are an error that changes nothing.
    """
    match result:
        case StoreError():
            return unknown(previous, result.reason, slot.at)
        case NoData():
            samples: tuple[Sample, ...] = ()
        case Vector():
            samples = result.samples
    try:
        seen = _seen(rule, samples)
    except BadResult as error:
        return unknown(previous, str(error), slot.at)
    moved = {
        key: element
        for key in [*previous.elements, *(key for key in seen if key not in previous.elements)]
        if (element := _next(rule, previous.elements.get(key), seen.get(key), slot))
    }
    active = sum(element.alert.state is not AlertState.RESOLVED for element in moved.values())
    if group.limit and active > group.limit:
        return RuleState({}, f"{active} alerts are more than the group's limit of {group.limit}", slot.at)
    return RuleState(moved, "", slot.at)


def unknown(previous: RuleState, error: str, at: datetime) -> RuleState:
    """The state after a slot about which nothing is known: the same alerts, none of them to be acted upon."""
    elements = {key: Element(replace(element.alert, actionable=False)) for key, element in previous.elements.items()}
    return RuleState(elements, error, at)


@dataclass(frozen=True, slots=True)
class _Seen:
    labels: dict[str, str]
    annotations: dict[str, str]
    value: float


def _seen(rule: Rule, samples: tuple[Sample, ...]) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    for sample in samples:
        labels = alert_labels(rule, sample)
        key = fingerprint(labels)
        if key in found:
            raise BadResult("two elements of the result have the same labels")
        annotations = {name: expand(text, sample.labels, sample.value) for name, text in rule.annotations.items()}
        found[key] = _Seen(labels, annotations, sample.value)
    return found


def alert_labels(rule: Rule, sample: Sample) -> dict[str, str]:
    """The element's labels, the rule's own over them, and the alert's name; empty values are no labels."""
    own = {name: expand(text, sample.labels, sample.value) for name, text in rule.labels.items()}
    merged = {**sample.labels, **own, "alertname": rule.name}
    return {name: value for name, value in merged.items() if value and name != "__name__"}


def _next(rule: Rule, element: Element | None, seen: _Seen | None, slot: Slot) -> Element | None:
    if seen is None:
        return _gone(rule, element, slot) if element else None
    if element is None or element.alert.state is AlertState.RESOLVED:
        element = _born(rule, seen, slot)
    return _present(rule, element, seen, slot)


def _born(rule: Rule, seen: _Seen, slot: Slot) -> Element:
    alert = Alert(
        fingerprint=fingerprint(seen.labels),
        name=rule.name,
        labels=seen.labels,
        state=AlertState.PENDING,
        active_at=slot.at,
        value=seen.value,
    )
    return Element(alert)


def _present(rule: Rule, element: Element, seen: _Seen, slot: Slot) -> Element:
    clean_since = _clean(element, slot)
    firing = element.alert.state is AlertState.FIRING or slot.at - element.alert.active_at >= rule.hold_for
    alert = replace(
        element.alert,
        value=seen.value,
        annotations=seen.annotations,
        state=AlertState.FIRING if firing else AlertState.PENDING,
        fired_at=(element.alert.fired_at or slot.at) if firing else None,
        keep_since=None,
        last_seen=slot.at,
        actionable=firing and clean_since is not None and slot.at - clean_since >= rule.hold_for,
    )
    return Element(alert, clean_since)


def _clean(element: Element, slot: Slot) -> datetime | None:
    """Since when the chain of true slots with an open gate is unbroken; this slot begins a new one if need be."""
    if not slot.gate_open:
        return None
    return slot.at if slot.missed or element.clean_since is None else element.clean_since


def _gone(rule: Rule, element: Element, slot: Slot) -> Element | None:
    alert = element.alert
    if alert.state is AlertState.PENDING:
        return None
    if alert.state is AlertState.RESOLVED:
        told_long_enough = alert.resolved_at and slot.at - alert.resolved_at > RESOLVED_RETENTION
        return None if told_long_enough else element
    since = alert.keep_since or slot.at
    if slot.at - since < rule.keep_firing_for:
        return Element(replace(alert, keep_since=since, actionable=False))
    return Element(replace(alert, state=AlertState.RESOLVED, resolved_at=slot.at, keep_since=None, actionable=False))
