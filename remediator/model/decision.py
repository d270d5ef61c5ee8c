"""Decisions: what was decided about a target, why, and from which facts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class DecisionOutcome(StrEnum):
    ACT = "act"
    HOLD = "hold"
    SHADOW = "shadow"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now, and why; ``reason`` is one CamelCase word, ``text`` the sentence for people.

    ``asks`` is set where a person may let it pass: a question is put, and its answer counts.
    """

    reason: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of one playbook on one target: an act with its effects, or a hold with its reason.

    ``facts`` are what the guards read: counts, ages, verdicts, budget use.
    """

    id: str
    at: datetime
    playbook: str
    target: str
    action: str
    outcome: DecisionOutcome
    reason: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    effects: tuple[str, ...] = ()

    @property
    def sameness(self) -> tuple[str, str, str, str, str]:
        """Two decisions alike in this are the same one, told again."""
        return (self.playbook, self.target, self.action, self.outcome.value, self.reason)


@dataclass(frozen=True, slots=True)
class Remediation:
    """A playbook at work on one target, from its first act until all is done or the target is well again.

    ``earlier`` are steps of the remediation before it, which cooldown forbids to repeat; ``verified`` is what came of
    it: succeeded or failed, empty while that is open.
    """

    playbook: str
    target: str
    opened_at: datetime
    steps: dict[str, datetime] = field(default_factory=dict)
    closed_at: datetime | None = None
    outcome: str = ""
    earlier: dict[str, datetime] = field(default_factory=dict)
    verified: str = ""

    @property
    def key(self) -> str:
        return f"{self.playbook}/{self.target}"

    @property
    def open(self) -> bool:
        return self.closed_at is None
