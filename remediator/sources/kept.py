"""Alerts that outlive a restart: what the journal keeps of a rule's elements, and elements from that. PURE."""

import math
from collections.abc import Iterable, Iterator
from datetime import timedelta

from remediator.model.alert import AlertState, Group, KeptAlert, Rule
from remediator.sources.elements import Element, Identity
from remediator.sources.evaluate import RuleState
from remediator.sources.results import Series

# Away for no longer than this, a pending alert goes on as if nobody had been: it is the store's own lookback, and
# a hole that long is none to it. After a longer one the time away does not count.
UNNOTICED = timedelta(minutes=5)
# After this long a pending alert says nothing any more (Prometheus' outage tolerance).
TOLERANCE = timedelta(hours=1)


def rule_keys(group: Group) -> list[str]:
    """A name for each rule within its group: its own, and the later ones of the same name are counted."""
    counted: dict[str, int] = {}
    keys = []
    for rule in group.rules:
        counted[rule.name] = counted.get(rule.name, 0) + 1
        keys.append(rule.name if counted[rule.name] == 1 else f"{rule.name}#{counted[rule.name]}")
    return keys


def kept_alerts(place: str, state: RuleState) -> Iterator[KeptAlert]:
    """What is to be kept of a rule; alerts that tell of the rule itself come again by themselves."""
    values = state.values()
    for key, element in state.elements.items():
        if not element.identity.about_rule:
            yield KeptAlert(
                place,
                key,
                state.rule.name,
                element.identity.labels,
                element.state,
                element.active_at,
                _finite(values.get(key, element.last[0])),
                element.fired_at,
                element.resolved_at,
                element.keep_since,
            )


def _finite(value: float) -> float:
    """JSON has no word for the others."""
    return value if math.isfinite(value) else 0.0


def revived(rule: Rule, kept: Iterable[KeptAlert], away: timedelta = timedelta()) -> RuleState:
    """The state that shows kept alerts; nothing of it is actionable before it was seen true again."""
    shift = away if away > UNNOTICED else timedelta()
    lost = away > TOLERANCE
    elements = {
        alert.fingerprint: _element(alert, shift)
        for alert in kept
        if not (lost and alert.state is AlertState.PENDING)
    }
    return RuleState(rule, elements)


def _element(alert: KeptAlert, shift: timedelta) -> Element:
    pending = alert.state is AlertState.PENDING
    return Element(
        Identity(Series(alert.labels), alert.labels),
        alert.state,
        alert.active_at + shift if pending else alert.active_at,
        alert.fired_at,
        alert.resolved_at,
        alert.keep_since,
        last=(alert.value, None),
    )
