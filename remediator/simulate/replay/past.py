"""What is known of a stretch of the past: the fleet as it began, and what befell it that was nobody's decision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from remediator.model.decision import Decision, Remediation
from remediator.model.host import Host
from remediator.model.loan import Loan
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.record import Record
from remediator.model.request import Demand

Rows = dict[str, dict[str, Any]]
ROOT: Mapping[str, type] = {
    "Host": Host,
    "Machine": Machine,
    "Volume": Volume,
    "Snapshot": Snapshot,
    "Demand": Demand,
    "Loan": Loan,
    "Remediation": Remediation,
    "OperatorHold": OperatorHold,
    "Release": Release,
    "Approval": Approval,
    "Record": Record,
}


@dataclass(frozen=True, slots=True)
class Befell:
    """One thing that happened by itself, or by its owner's word.

    ``kind``: host, machine, volume, snapshot, demand (``value`` is the row, None when it is gone), destroyed_by
    (``value``: who), said (``value``: the kind of a person's word, and its row), doubts, gate, frozen, anew
    (``value``: open, why, since), verdict, powered.
    """

    at: datetime
    kind: str
    subject: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when is replayed."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def holds(self, at: datetime) -> bool:
        return self.start < at <= self.end


@dataclass(slots=True)
class Past:
    """The fleet at the beginning, what befell it in order, and where each part was taken from.

    Gate, freeze, term and backlog are as at the beginning; ``away`` are stretches in which no remediator was at work.
    """

    rows: Rows = field(default_factory=lambda: {kind: {} for kind in ROOT})
    befell: list[Befell] = field(default_factory=list)
    gate_open: bool = True
    gate_reason: str = ""
    frozen: str = ""
    began: datetime | None = None
    backlog_since: dict[str, datetime] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    away: list[tuple[datetime, datetime]] = field(default_factory=list)
    racks: dict[str, str] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    standing: list[Decision] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    policies: list[tuple[datetime, str]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def closed(self, stretch: Stretch) -> list[tuple[datetime, datetime]]:
        """When the gate was closed."""
        found: list[tuple[datetime, datetime]] = []
        since = None if self.gate_open else stretch.start
        for each in self.befell:
            if each.kind == "gate" and not each.value[0]:
                since = since or each.at
            elif each.kind == "gate" and since:
                found.append((since, each.at))
                since = None
        return [*found, (since, stretch.end)] if since else found

    def beginnings(self) -> list[datetime]:
        """When all evidence had to be earned anew."""
        return [each.at for each in self.befell if each.kind == "anew"]


def in_order(befell: Iterable[Befell]) -> list[Befell]:
    """By time; what was told at the same moment stays in the order in which it was told."""
    return sorted(befell, key=lambda each: each.at)
