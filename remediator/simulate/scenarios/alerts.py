"""A scenario's alerts: expressions said to be true, evaluated as the real rules are, slot by slot."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from remediator.model.alert import Alert, AlertState, Group, Rule
from remediator.model.host import Host
from remediator.model.policy import Policy
from remediator.simulate.scenarios.schema import EventFields
from remediator.sources.evaluate import RuleState, Slot, advance, stepped
from remediator.sources.fingerprint import fingerprint
from remediator.sources.results import NoData, Series, Vector


@dataclass(slots=True)
class _Watched:
    """One rule, the elements that its expression has now, and its state after the last slot."""

    rule: Rule
    group: Group
    values: dict[str, tuple[Series, float]] = field(default_factory=dict)
    state: RuleState = field(default_factory=RuleState)
    slot: datetime | None = None


class Alerts:
    """``signal`` makes an expression true, so that ``for`` runs; ``fires`` skips it."""

    def __init__(self, policy: Policy) -> None:
        rules = [(rule, group) for group in policy.groups for rule in group.rules if not rule.recording]
        self._watched = {rule.name: _Watched(rule, group) for rule, group in rules}
        self._begun: dict[str, _Watched] = {}
        self._fired: dict[str, Alert] = {}

    def happens(self, event: EventFields, hosts: Mapping[str, Host], now: datetime) -> None:
        """Take a ``signal``, ``fires`` or ``clear``."""
        labels = _labels(event, hosts)
        watched = self._watched[getattr(event, event.verb)]
        key = fingerprint(labels)
        if event.verb == "signal":
            watched.values[key] = (Series(labels), float(event.value))
            self._begun[watched.rule.name] = watched
        elif event.verb == "fires":
            self._fired[watched.rule.name + key] = _firing(watched.rule, labels, float(event.value), now)
        else:
            watched.values.pop(key, None)
            self._fired.pop(watched.rule.name + key, None)

    def at(self, now: datetime, *, gate_open: bool) -> tuple[Alert, ...]:
        """Every alert there is, after the slots up to ``now``."""
        for watched in self._begun.values():
            _catch_up(watched, now, gate_open=gate_open)
        stated = [alert for watched in self._begun.values() for alert in watched.state.alerts]
        fired = [replace(alert, last_seen=now, actionable=gate_open) for alert in self._fired.values()]
        return (*stated, *fired)

    def restarted(self) -> None:
        """Kept state is shown; what may be acted upon is earned again."""
        for watched in self._begun.values():
            watched.state = stepped(watched.state, timedelta())


def _labels(event: EventFields, hosts: Mapping[str, Host]) -> dict[str, str]:
    host = hosts.get(event.host) if event.host else None
    place = {"host": host.name, "region": host.region, "rack": host.rack} if host else {}
    return {**place, **event.labels}


def _firing(rule: Rule, labels: dict[str, str], value: float, now: datetime) -> Alert:
    whole = {**labels, **rule.labels, "alertname": rule.name}
    since = now - rule.hold_for
    blank = Alert(fingerprint(whole), rule.name, whole, AlertState.FIRING, since, value)
    return replace(blank, fired_at=now, last_seen=now, actionable=True)


def _catch_up(watched: _Watched, now: datetime, *, gate_open: bool) -> None:
    """Evaluate at each slot that has come; the first one is this very moment."""
    slot = now if watched.slot is None else watched.slot + watched.group.interval
    while slot <= now:
        series, values = zip(*watched.values.values(), strict=True) if watched.values else ((), ())
        result = Vector.of(series, values, slot) if series else NoData()
        watched.state = advance(watched.rule, watched.group, watched.state, result, Slot(slot, gate_open))
        watched.slot = slot
        slot += watched.group.interval or timedelta(minutes=1)
