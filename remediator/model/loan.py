"""Loans: hosts that a provider made for a burst of ours, from being asked for until they are given back."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from remediator.model.errors import ForbiddenEdge
from remediator.model.host import Identity

NOBODY = Identity()


class LoanStage(StrEnum):
    """``awaited`` has not joined; ``closing`` takes no work and is looked at again; ``asked``: it is asked back."""

    AWAITED = "awaited"
    JOINED = "joined"
    CLOSING = "closing"
    ASKED = "asked"
    STUCK = "stuck"
    RETURNED = "returned"


_L = LoanStage
EDGES: dict[LoanStage, frozenset[LoanStage]] = {
    _L.AWAITED: frozenset({_L.JOINED, _L.ASKED}),
    _L.JOINED: frozenset({_L.CLOSING}),
    _L.CLOSING: frozenset({_L.JOINED, _L.ASKED, _L.STUCK}),
    # Refused, a host takes work again; one that may be taken at any moment never does.
    _L.ASKED: frozenset({_L.JOINED, _L.STUCK, _L.RETURNED}),
    _L.STUCK: frozenset({_L.JOINED, _L.CLOSING, _L.ASKED}),
    _L.RETURNED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Loan:
    """One host of one burst. ``idle_since`` is when nothing was left on it, None while anything is.

    ``by`` is the playbook that gives it back, ``operation`` the asking, ``tries`` how often that may have been sent.
    """

    host: str
    region: str
    burst: str
    asked_at: datetime
    stage: LoanStage = LoanStage.AWAITED
    moved_at: datetime | None = None
    joined_at: datetime | None = None
    idle_since: datetime | None = None
    by: str = ""
    decision: str = ""
    operation: str = ""
    tries: int = 0
    note: str = ""
    # A try of which nobody knows the end: it may be taken at any moment, until a person lets work on it again.
    uncertain: bool = False
    # Whom its provider made: another one under its name is not lent.
    identity: Identity = NOBODY

    def moved_to(self, stage: LoanStage, now: datetime, note: str = "") -> "Loan":
        """The same host one step further.

        Raises:
            ForbiddenEdge: when the table of edges has no such step.
        """
        if stage not in EDGES[self.stage]:
            raise ForbiddenEdge(f"loan of {self.host}: {self.stage} -> {stage}")
        return replace(self, stage=stage, moved_at=now, note=note)

    def stuck(self, now: datetime, note: str) -> "Loan":
        """It stays closed; once it was asked back, who knows with what end, that is not forgotten."""
        return replace(self.moved_to(LoanStage.STUCK, now, note), uncertain=self.uncertain or self.tries > 0)

    @property
    def over(self) -> bool:
        return self.stage is LoanStage.RETURNED

    @property
    def closed(self) -> bool:
        """Whether it was closed to new work in order to be given back."""
        return self.stage in (LoanStage.CLOSING, LoanStage.ASKED, LoanStage.STUCK)
