"""What a replay found, as values: decisions, how long holds stood, alerts, budgets, lives."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from remediator.model.decision import Decision, DecisionOutcome
from remediator.simulate.replay.alerts import AlertLife, RuleReport
from remediator.simulate.replay.past import Stretch


@dataclass(frozen=True, slots=True)
class HoldLife:
    """One hold from when it was said until it was said no longer."""

    decision: Decision
    ended: datetime

    @property
    def lasted(self) -> timedelta:
        return self.ended - self.decision.at


@dataclass(frozen=True, slots=True)
class Use:
    """A budget's use from that moment on."""

    at: datetime
    used: int
    allowed: int


@dataclass(frozen=True, slots=True)
class LifeChange:
    """A host's life from that moment on."""

    at: datetime
    host: str
    life: str


@dataclass(slots=True)
class Replayed:
    """One replay of one set of rules; ``budgets`` by (playbook, what is counted, where)."""

    stretch: Stretch
    policy: str
    decisions: list[Decision] = field(default_factory=list)
    holds: list[HoldLife] = field(default_factory=list)
    alerts: list[AlertLife] = field(default_factory=list)
    rules: list[RuleReport] = field(default_factory=list)
    budgets: dict[tuple[str, str, str], list[Use]] = field(default_factory=dict)
    lives: list[LifeChange] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def acts(self) -> list[Decision]:
        return [decision for decision in self.decisions if decision.outcome is DecisionOutcome.ACT]

    def flaps(self) -> dict[tuple[str, str], tuple[int, int]]:
        """By rule and element: how often it fired, and how often it was pending and never fired."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for life in self.alerts:
            key = (life.rule, element(life))
            fired, pending = found.get(key, (0, 0))
            found[key] = (fired + (life.fired is not None), pending + (life.fired is None))
        return {key: counts for key, counts in found.items() if counts[0] > 1 or counts[1] > 0}


def element(life: AlertLife) -> str:
    """The labels that tell it from its rule's others."""
    hidden = ("alertname", "playbook", "severity")
    return ", ".join(f"{name}={value}" for name, value in sorted(life.labels.items()) if name not in hidden)
