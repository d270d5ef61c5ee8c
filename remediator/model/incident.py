"""Incidents: many symptoms with one cause, from the correlation that opened them to their outcome."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from remediator.model.errors import ForbiddenEdge


class IncidentStage(StrEnum):
    """``released`` may act: by proof for the group or by a person's word; ``closed`` keeps its outcome."""

    OPEN = "open"
    PROVED_DOWN = "proved_down"
    PARTITIONED = "partitioned"
    UNEXPLAINED = "unexplained"
    RELEASED = "released"
    CLOSED = "closed"


_S = IncidentStage
EDGES: dict[IncidentStage, frozenset[IncidentStage]] = {
    _S.OPEN: frozenset({_S.PROVED_DOWN, _S.PARTITIONED, _S.UNEXPLAINED, _S.RELEASED, _S.CLOSED}),
    _S.PROVED_DOWN: frozenset({_S.PARTITIONED, _S.UNEXPLAINED, _S.RELEASED, _S.CLOSED}),
    _S.PARTITIONED: frozenset({_S.PROVED_DOWN, _S.UNEXPLAINED, _S.RELEASED, _S.CLOSED}),
    _S.UNEXPLAINED: frozenset({_S.PROVED_DOWN, _S.PARTITIONED, _S.RELEASED, _S.CLOSED}),
    _S.RELEASED: frozenset({_S.CLOSED}),
    _S.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """Suspects that share ``value`` under ``label`` (rack, switch, pdu, region, kernel, agent_version …).

    ``hosts`` grows while it is open; ``released`` names those that a person let go, all of them with proof for the
    group; ``moved_by`` is empty where no person moved it. ``outcome`` says how it ended.
    """

    id: str
    label: str
    value: str
    opened_at: datetime
    hosts: tuple[str, ...]
    stage: IncidentStage = IncidentStage.OPEN
    moved_at: datetime | None = None
    reason: str = ""
    released: tuple[str, ...] = ()
    moved_by: str = ""
    deadline: datetime | None = None
    outcome: str = ""
    # Members that left it while it was released, and when: their death before that was a part of it.
    returned: dict[str, datetime] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.stage is not IncidentStage.CLOSED

    def moved_to(self, stage: IncidentStage, now: datetime, reason: str, by: str = "") -> "Incident":
        """The same incident, one stage on.

        Raises:
            ForbiddenEdge: when the table of edges has no such step.
        """
        if stage not in EDGES[self.stage]:
            raise ForbiddenEdge(f"incident {self.id}: {self.stage} -> {stage} ({reason})")
        return replace(self, stage=stage, moved_at=now, reason=reason, moved_by=by)
