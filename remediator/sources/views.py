"""Groups and rules with their last evaluation, for whoever lists them."""

from dataclasses import dataclass
from datetime import datetime

from remediator.model.alert import Alert, Group, Rule
from remediator.sources.evaluate import Outcome, RuleState

_HEALTH = {Outcome.OK: "ok", Outcome.NO_DATA: "ok", Outcome.ERROR: "err", Outcome.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule; ``health`` is Prometheus' word (``ok``, ``err``, ``unknown``), ``seconds`` its last evaluation's."""

    rule: Rule
    health: str
    outcome: Outcome
    last_error: str
    evaluated_at: datetime | None
    seconds: float
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group, its rules in their order; ``last_slot`` and ``seconds`` are of its last evaluation."""

    group: Group
    last_slot: datetime | None
    seconds: float
    rules: tuple[RuleView, ...]


def view_rule(rule: Rule, state: RuleState, alerts: tuple[Alert, ...], seconds: float) -> RuleView:
    health = _HEALTH[state.outcome]
    return RuleView(rule, health, state.outcome, state.error, state.evaluated_at, seconds, alerts)
