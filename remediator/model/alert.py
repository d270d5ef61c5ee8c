"""Alerts and the rules they come from, with the semantics of Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class AlertState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class OnNoData(StrEnum):
    """What follows when none of the series that a rule reads is there: absence is neither sickness nor health."""

    RESOLVE = "resolve"
    KEEP = "keep"
    ALERT = "alert"


class OnError(StrEnum):
    """What follows when the store cannot answer; ``alert`` tells people, and is never acted upon."""

    KEEP = "keep"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """An alert's policy for what is neither sick nor healthy (rules/outcomes.yml); the defaults are Prometheus'."""

    no_data: OnNoData = OnNoData.RESOLVE
    error: OnError = OnError.KEEP


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting or recording rule as its file gives it.

    ``presence`` asks whether any series that the rule reads is there: empty where no one asks.
    """

    group: str
    name: str
    expr: str
    hold_for: timedelta = timedelta()
    keep_firing_for: timedelta = timedelta()
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    recording: bool = False
    outcomes: Outcomes = Outcomes()
    presence: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Rules evaluated one after the other at multiples of ``interval``."""

    name: str
    file: str
    interval: timedelta
    rules: tuple[Rule, ...]
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """One element of a rule's result; ``actionable`` is earned anew in each leader's term."""

    fingerprint: str
    name: str
    labels: dict[str, str]
    state: AlertState
    active_at: datetime
    value: float
    annotations: Mapping[str, str] = field(default_factory=dict)
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    keep_since: datetime | None = None
    last_seen: datetime | None = None
    actionable: bool = False
    # Who told it; empty for our own rules. What others tell may ask, and is no witness.
    source: str = ""

    @property
    def playbook(self) -> str:
        return self.labels.get("playbook", "")


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert as the journal keeps it, so that a restart forgets none: written when its state moves.

    ``rule`` is the rule's place: group key and key within the group. ``value`` is the one at the last move.
    """

    rule: str
    fingerprint: str
    name: str
    labels: dict[str, str]
    state: AlertState
    active_at: datetime
    value: float
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    keep_since: datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.rule}/{self.fingerprint}"
