"""One rule, one slot, one result: the next alerts. PURE, and as Prometheus does it.

What Prometheus has not: *actionable*. An alert may be shown on the strength of kept state, but acted upon only
when it was observed true at every slot of its ``for``, by this process, with the gate open at each of them. And
missing data and errors are outcomes of their own, with a policy for each alert (``Rule.outcomes``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from remediator.model.alert import AlertState, Group, OnError, OnNoData, Rule
from remediator.sources import lives
from remediator.sources.elements import Element, Identity, about_rule, alert_labels, identified, labels_change
from remediator.sources.results import Absent, NoData, Result, Series, StoreError, Vector
from remediator.sources.rule_state import Outcome, RuleState, Slot, restored, stepped
from remediator.sources.shown import asks_the_store, filled

__all__ = ["Element", "Outcome", "RuleState", "Slot", "advance", "alert_labels", "restored", "stepped"]


class BadResult(ValueError):
    """The result cannot be alerts: two elements with the same labels."""


def advance(rule: Rule, group: Group, previous: RuleState, result: Result | Absent, slot: Slot) -> RuleState:
    """The rule's state after this slot.

    A store error leaves every alert as it is, and actionable no longer. A result beyond the group's limit clears
    the rule and is an error; duplicate label sets are an error that changes nothing. A recording rule has no
    alerts, and ``recorded`` series instead.
    """
    match result:
        case StoreError():
            return _failed(rule, previous, result.reason, slot)
        case Absent() if rule.outcomes.no_data is not OnNoData.RESOLVE:
            return _without_data(rule, previous, slot)
        case NoData() | Absent():
            vector = Vector.of((), (), slot.at, result.seconds)
        case Vector():
            vector = Vector.of(result.series, result.values, slot.at, result.seconds)
    if _nothing_moves(rule, previous, vector, slot):
        return replace(previous, vector=vector, evaluated_at=slot.at, outside=slot.outside)
    try:
        known = _identified(rule, previous, vector, slot)
    except BadResult as error:
        return _failed(rule, previous, str(error), slot)
    elements = {} if rule.recording else _moved(rule, previous, vector, known, slot)
    too_many = _beyond_limit(group.limit, len(vector.series) if rule.recording else _active(elements))
    if too_many:
        return RuleState(rule, outcome=Outcome.ERROR, error=too_many, evaluated_at=slot.at)
    return _good(rule, _Good(previous, elements, vector, known), slot)


def _nothing_moves(rule: Rule, before: RuleState, vector: Vector, slot: Slot) -> bool:
    """Whether this slot is like the one before it, in everything but its values and its moment."""
    like = before.rule is rule and before.outcome is Outcome.OK and not slot.missed
    if not like or slot.gate_open != (before.chain_since is not None):
        return False
    if before.due is not None and slot.at >= before.due:
        return False
    if before.vector.series is not vector.series and before.vector.series != vector.series:
        return False
    return not (vector.has_nan or before.vector.has_nan or labels_change(rule) or asks_the_store(rule))


def _identified(rule: Rule, previous: RuleState, vector: Vector, slot: Slot) -> dict[Series, Identity]:
    same = previous.rule is rule or (previous.rule.name, previous.rule.labels) == (rule.name, rule.labels)
    memo = previous.known if same and not labels_change(rule) else {}
    known = {
        series: memo.get(series) or identified(rule, series, value, slot.outside)
        for series, value in zip(vector.series, vector.values, strict=True)
    }
    if len({identity.fingerprint for identity in known.values()}) != len(vector.series):
        raise BadResult("two elements of the result have the same labels")
    return known


def _moved(
    rule: Rule, previous: RuleState, vector: Vector, known: Mapping[Series, Identity], slot: Slot
) -> Mapping[str, Element]:
    """The elements after a good answer; the same mapping if none has moved."""
    before, last = previous.elements, previous.values()
    moved: dict[str, Element] = {}
    seen = {known[s].fingerprint: (known[s], value) for s, value in zip(vector.series, vector.values, strict=True)}
    for key, element in before.items():
        if key not in seen:
            value = (last[key], previous.vector.at) if key in last else None
            after = lives.missing(rule, element, value, slot.at)
            if after is not None:
                moved[key] = after
        else:
            moved[key] = lives.present(rule, element, *seen[key], slot.at)
    for key, (identity, value_now) in seen.items():
        if key not in before:
            moved[key] = lives.present(rule, None, identity, value_now, slot.at)
    unmoved = len(moved) == len(before) and all(moved[key] is before.get(key) for key in moved)
    return before if unmoved else moved


@dataclass(frozen=True, slots=True)
class _Good:
    """What a good answer came to."""

    previous: RuleState
    elements: Mapping[str, Element]
    vector: Vector
    known: Mapping[Series, Identity]


def _good(rule: Rule, came: _Good, slot: Slot) -> RuleState:
    unbroken = came.previous.chain_since if not slot.missed else None
    state = RuleState(
        rule,
        came.elements,
        came.vector,
        came.known,
        chain_since=(unbroken or slot.at) if slot.gate_open else None,
        due=_due(rule, came.elements),
        outcome=Outcome.OK,
        evaluated_at=slot.at,
        outside=slot.outside,
    )
    return replace(state, texts=_texts(state, came.previous.texts)) if asks_the_store(rule) else state


def _texts(state: RuleState, before: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """Annotations that ask the store themselves: as of now for elements that are there, as they were for others."""
    values = state.values()
    asked = {
        key: filled(state.rule, element, values[key], state.outside)
        for key, element in state.elements.items()
        if key in values
    }
    return {key: text for key, text in before.items() if key in state.elements} | asked


def _due(rule: Rule, elements: Mapping[str, Element]) -> datetime | None:
    moments = (lives.due(rule, element) for element in elements.values())
    return min((moment for moment in moments if moment is not None), default=None)


def _active(elements: Mapping[str, Element]) -> int:
    return sum(element.state is not AlertState.RESOLVED for element in elements.values())


def _beyond_limit(limit: int, count: int) -> str:
    return f"{count} are more than the group's limit of {limit}" if limit and count > limit else ""


def _failed(rule: Rule, previous: RuleState, error: str, slot: Slot) -> RuleState:
    state = replace(_unknown(rule, previous, slot), outcome=Outcome.ERROR, error=error)
    if rule.outcomes.error is not OnError.ALERT or rule.recording:
        return state
    return _told(state, about_rule(rule, Outcome.ERROR, f"{rule.name} cannot be evaluated: {error}"), slot)


def _without_data(rule: Rule, previous: RuleState, slot: Slot) -> RuleState:
    state = replace(_unknown(rule, previous, slot), outcome=Outcome.NO_DATA, error="")
    if rule.outcomes.no_data is not OnNoData.ALERT:
        return state
    text = f"{rule.name}: none of the series that its rule reads is in the store"
    return _told(state, about_rule(rule, Outcome.NO_DATA, text), slot)


def _unknown(rule: Rule, previous: RuleState, slot: Slot) -> RuleState:
    """The state after a slot about which nothing is known: the same alerts, none of them to be acted upon."""
    return replace(previous, rule=rule, chain_since=None, due=None, evaluated_at=slot.at)


def _told(state: RuleState, identity: Identity, slot: Slot) -> RuleState:
    """With the alert that tells of the rule itself; it has a life like any other."""
    rule, key = state.rule, identity.fingerprint
    elements = dict(state.elements)
    elements[key] = lives.present(rule, elements.get(key), identity, 1.0, slot.at)
    return replace(state, elements=elements)
