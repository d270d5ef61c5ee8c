"""What an action declares: its parameters, the label it needs, its kind, and a pure plan."""

from collections.abc import Callable
from dataclasses import dataclass
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
    """One playbook asked to act on one target, now; ``host`` is None when the target is none."""

    playbook: Playbook
    target: str
    host: Host | None
    remediation: Remediation
    fleet: Fleet
    limits: Limits
    now: datetime

    @property
    def region(self) -> str:
        return self.host.region if self.host else self.target

    @property
    def epoch(self) -> int:
        return self.host.epoch if self.host else 0


@dataclass(frozen=True, slots=True)
class Planned:
    """Effects to be done now; ``waiting`` says what the step still waits for, empty when it is complete."""

    effects: tuple[Effect, ...] = ()
    waiting: str = ""


def nothing(case: Case, params: Any) -> Planned | Hold:  # noqa: ARG001
    """The plan of an action that only says something: complete at once."""
    return Planned()


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action; ``needs_label`` is the alert label that names its target."""

    name: str
    kind: Kind
    needs_label: str
    params: type[pydantic.BaseModel]
    plan: Callable[[Case, Any], Planned | Hold] = nothing
