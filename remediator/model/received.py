"""Alerts that others told us, who may tell them, and what we told others of ours."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Teller(StrEnum):
    """What kind of program tells: evaluators tell again each minute, the others only when something changes."""

    EVALUATOR = "evaluator"
    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"


@dataclass(frozen=True, slots=True)
class Sender:
    """Whoever holds a token; ``name`` is its file's, ``playbooks`` are what alerts under it may ask for."""

    name: str
    playbooks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AlertWord:
    """One alert as somebody has just told it; an ``ends_at`` of None is told by nobody: it stands until further word.

    ``resolved`` is explicit; an ``ends_at`` that has passed says the same.
    """

    fingerprint: str
    labels: dict[str, str]
    teller: Teller
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    resolved: bool = False
    annotations: dict[str, str] = field(default_factory=dict)
    generator_url: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedAlert:
    """An alert from outside, known by its fingerprint and the moment it began.

    It is over when it was told so, or when ``ends_at`` has passed without another word.
    """

    fingerprint: str
    labels: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    heard_at: datetime
    sender: str
    teller: Teller
    annotations: dict[str, str] = field(default_factory=dict)
    generator_url: str = ""
    resolved_at: datetime | None = None

    @property
    def key(self) -> str:
        """In the order of their beginnings: a storm of alerts is written to one end of the journal's table."""
        return f"{self.starts_at.isoformat()}/{self.fingerprint}"

    @property
    def playbook(self) -> str:
        return self.labels.get("playbook", "")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the alerts of one request; ``silenced`` names (alert, playbook) pairs that may not be asked."""

    heard: int = 0
    fresh: int = 0
    resolved: int = 0
    silenced: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SentAlert:
    """That people were told of an alert, under which extra label; without the row it would be held a second time."""

    fingerprint: str
    fired_at: datetime
    outcome: str = ""
