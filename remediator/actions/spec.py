"""What an action declares: its parameters, the label it needs, its kind, and a pure plan."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pydantic

from remediator.actions.effects import Effect
from remediator.model.decision import Hold, Remediation
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.policy import Kind, Limits, Playbook


class Params(pydantic.BaseModel):
    """Base of every action's parameters: unknown keys are errors, values do not change."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Case:
    """One playbook asked to act on one target, now; ``host`` is None when the target is none.

    ``action`` is the step that is looked at, empty before any.
    """

    playbook: Playbook
    target: str
    host: Host | None
    remediation: Remediation
    fleet: Fleet
    limits: Limits
    now: datetime
    action: str = ""
    # What one pass over the fleet found (``engine.index``); whoever reads it makes one where there is none.
    index: Any = field(default=None, compare=False, repr=False)
    # How much of its pace work may be given out with: less while survivors of an incident are in doubt.
    pace: float = 1.0
    # Recreates that the same look has given out to others already.
    given_out: int = 0

    @property
    def region(self) -> str:
        return self.host.region if self.host else self.target

    @property
    def epoch(self) -> int:
        return self.host.epoch if self.host else 0


@dataclass(frozen=True, slots=True)
class Planned:
    """Effects to be done now; ``waiting`` says what the step still waits for, empty when it is complete.

    ``asks`` are effects that want a person's word first, and ``question`` says why.
    """

    effects: tuple[Effect, ...] = ()
    waiting: str = ""
    asks: tuple[Effect, ...] = ()
    question: str = ""


def nothing(case: Case, params: Any) -> Planned | Hold:  # noqa: ARG001
    """The plan of an action that only says something: complete at once."""
    return Planned()


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action; ``needs_label`` is the alert label that names its target.

    ``verdict`` is the direct verdict that its plan wants for itself, whatever its playbook asks for.
    """

    name: str
    kind: Kind
    needs_label: str
    params: type[pydantic.BaseModel]
    plan: Callable[[Case, Any], Planned | Hold] = nothing
    verdict: str = ""
