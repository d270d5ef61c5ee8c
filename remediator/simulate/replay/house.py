"""What the running remediator does with evidence and decisions, handed in so that replay does the very same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from remediator.actions.spec import ActionSpec
from remediator.engine.evidence.lives import LifeTimes
from remediator.model.policy import Correlated, Policy


@dataclass(frozen=True, slots=True)
class House:
    """Functions of the runtime: an empty draft over stored rows, what is settled each tick, effects as rows.

    ``ended`` records an operation's success, ``condemn`` an owner's destroy, ``demands`` what found no room.
    """

    draft: Callable[[Mapping[str, Mapping[str, Any]]], Any]
    overlaid: Callable[..., Any]
    settle: Callable[..., None]
    forget: Callable[..., None]
    write: Callable[..., None]
    ended: Callable[..., None]
    condemn: Callable[..., None]
    demands: Callable[..., None]


@dataclass(frozen=True, slots=True)
class Setting:
    """Under what it is replayed: rules, actions, and the settings that decisions hang on."""

    policy: Policy
    actions: Mapping[str, ActionSpec]
    liveness_playbook: str
    times: LifeTimes
    on_return: Mapping[str, str]

    @property
    def correlated(self) -> Correlated | None:
        """From when on dead hosts are one incident."""
        playbook = self.policy.playbooks.get(self.liveness_playbook)
        return playbook.correlated if playbook else None


@dataclass(frozen=True, slots=True)
class Paces:
    """How long what is decided takes, in the world that is imagined: about what a real fleet needs."""

    create: timedelta = timedelta(milliseconds=100)
    restore: timedelta = timedelta(milliseconds=200)
    other: timedelta = timedelta(milliseconds=50)
    join: timedelta = timedelta(seconds=60)

    def of(self, verb: str) -> timedelta:
        return {"create": self.create, "create_volume": self.restore}.get(verb, self.other)
