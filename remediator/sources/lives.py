"""The life of one element of an alerting rule, slot by slot, as Prometheus' ruler has it. PURE."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.model.alert import AlertState, Rule
from remediator.sources.elements import Element, Identity

# A resolved alert is told again for this long, for whoever missed the first telling.
RESOLVED_RETENTION = timedelta(minutes=15)


def present(rule: Rule, element: Element | None, identity: Identity, value: float, at: datetime) -> Element:
    """The element after a slot that had it; the same object if nothing about it has changed."""
    if element is None or element.state is AlertState.RESOLVED:
        element = Element(identity, AlertState.PENDING, at)
    # A ``for`` that was raised meanwhile takes a firing alert back to pending.
    state = AlertState.FIRING if at - element.active_at >= rule.hold_for else AlertState.PENDING
    # What is no number is there, as Prometheus has it, and proves nothing.
    since = None if math.isnan(value) else element.present_since or at
    same = element.state is state and element.present_since == since and element.identity is identity
    if same and element.keep_since is None:
        return element
    fired_at = (element.fired_at or at) if state is AlertState.FIRING else None
    return Element(identity, state, element.active_at, fired_at, present_since=since)


def missing(rule: Rule, element: Element, last: tuple[float, datetime | None] | None, at: datetime) -> Element | None:
    """The element after a slot that lacked it; ``last`` is its last value and moment, if it had one just before."""
    if element.state is AlertState.PENDING:
        return None
    if element.state is AlertState.RESOLVED:
        told_long_enough = element.resolved_at and at - element.resolved_at > RESOLVED_RETENTION
        return None if told_long_enough else element
    since = element.keep_since or at
    keeps = at - since < rule.keep_firing_for
    if keeps and element.keep_since:
        return element
    gone = replace(element, present_since=None, last=last or element.last)
    if keeps:
        return replace(gone, keep_since=since)
    return replace(gone, state=AlertState.RESOLVED, resolved_at=at, keep_since=None)


def due(rule: Rule, element: Element) -> datetime | None:
    """When time alone will move it; None if only another answer can."""
    if element.state is AlertState.PENDING:
        return element.active_at + rule.hold_for
    if element.state is AlertState.RESOLVED:
        return element.resolved_at + RESOLVED_RETENTION if element.resolved_at else None
    return element.keep_since + rule.keep_firing_for if element.keep_since else None


def moved(element: Element, by: timedelta) -> Element:
    """The same life on a clock that was stepped: what was so long ago then is so long ago still."""
    value, seen = element.last
    return replace(
        element,
        active_at=element.active_at + by,
        fired_at=element.fired_at and element.fired_at + by,
        resolved_at=element.resolved_at and element.resolved_at + by,
        keep_since=element.keep_since and element.keep_since + by,
        present_since=None,
        last=(value, seen and seen + by),
    )
