"""Alerts from signals: what is true fires after its ``for``, and may be acted upon if the gate was open all along."""

from dataclasses import dataclass
from datetime import datetime

from remediator.model.alert import Alert, AlertState, Rule
from remediator.model.policy import Policy
from remediator.simulate.world.judge import Signal
from remediator.sources.fingerprint import fingerprint


@dataclass(frozen=True, slots=True)
class _Element:
    """One true element of a rule: its labels with the rule's own, and since when it is true."""

    rule: Rule
    labels: dict[str, str]
    fingerprint: str
    since: datetime
    value: float


class Signals:
    """True elements by rule and labels."""

    def __init__(self, policy: Policy) -> None:
        self._rules = {rule.name: rule for group in policy.groups for rule in group.rules if not rule.recording}
        self._true: dict[tuple[str, str], _Element] = {}
        # The same moment is asked about several times.
        self._asked: tuple[datetime, datetime | None] | None = None
        self._told: tuple[Alert, ...] = ()

    def take(self, signal: Signal, now: datetime) -> None:
        rule = self._rules.get(signal.alert)
        if rule is None:
            return
        whole = {**signal.labels, **rule.labels, "alertname": rule.name}
        key = (rule.name, fingerprint(whole))
        if signal.on:
            self._true.setdefault(key, _Element(rule, whole, key[1], now, signal.value))
        else:
            self._true.pop(key, None)
        self._asked = None

    @property
    def some(self) -> bool:
        return bool(self._true)

    def alerts(self, now: datetime, gate_since: datetime | None) -> tuple[Alert, ...]:
        """``gate_since`` is None while the gate is closed."""
        if self._asked != (now, gate_since):
            self._asked = (now, gate_since)
            self._told = tuple(_alert(element, now, gate_since) for element in self._true.values())
        return self._told


def _alert(element: _Element, now: datetime, gate_since: datetime | None) -> Alert:
    rule, since = element.rule, element.since
    due = since + rule.hold_for
    firing = now >= due
    earned = gate_since is not None and now >= max(since, gate_since) + rule.hold_for
    state = AlertState.FIRING if firing else AlertState.PENDING
    return Alert(
        element.fingerprint, rule.name, element.labels, state, since, element.value, fired_at=due if firing else None,
        last_seen=now, actionable=firing and earned,
    )  # fmt: skip
