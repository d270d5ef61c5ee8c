"""What people say: answers to questions, holds on things, and releases of what a guard holds; each with an end."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Answer(StrEnum):
    """Where a question stands; ``void`` when the verdict behind it changed, ``used`` once it was acted on."""

    ASKED = "asked"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    VOID = "void"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Approval:
    """A step that a person is asked about: what would be done to whom, on which evidence, and until when.

    ``then`` is what follows when nobody answers (next_rung, hold_and_page, proceed_if_proved); ``verdict`` is the
    evidence that the answer is about, ``effects`` the keys of what would be done, ``reminded`` how often people were.
    """

    id: str
    playbook: str
    target: str
    action: str
    asked_at: datetime
    expires_at: datetime
    then: str
    text: str
    verdict: str = ""
    effects: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    answer: Answer = Answer.ASKED
    answered_at: datetime | None = None
    by: str = ""
    why: str = ""
    reminded: int = 0

    @property
    def key(self) -> str:
        """One question at a time for a step of a playbook on a target."""
        return f"{self.playbook}/{self.target}/{self.action}"


class Scope(StrEnum):
    """What a person's hold or release is about."""

    HOST = "host"
    APP = "app"
    MACHINE = "machine"
    PLAYBOOK = "playbook"
    RACK = "rack"
    REGION = "region"
    FLEET = "fleet"


def hold_key(scope: Scope, name: str, playbook: str = "") -> str:
    """One hold at a time for something, or for a playbook on it."""
    return f"{scope}/{name}/{playbook}" if playbook else f"{scope}/{name}"


@dataclass(frozen=True, slots=True)
class OperatorHold:
    """A person's word that nothing automatic is done to something, until a moment; it wins over any rule.

    With ``playbook`` it binds that one alone, and others may still act.
    """

    scope: Scope
    name: str
    by: str
    why: str
    since: datetime
    until: datetime
    playbook: str = ""

    @property
    def key(self) -> str:
        return hold_key(self.scope, self.name, self.playbook)

    @property
    def about(self) -> str:
        """What it binds, for people."""
        what = "the whole fleet" if self.scope is Scope.FLEET else f"{self.scope} {self.name}"
        return f"{what} against {self.playbook}" if self.playbook else what

    def covers(self, now: datetime) -> bool:
        # Not from when: a clock that was stepped back lifts no hold.
        return now < self.until


@dataclass(frozen=True, slots=True)
class Release:
    """A person's word that lets named hosts pass ratio, rate, backlog or incident; never capacity or fencing."""

    id: str
    hosts: tuple[str, ...]
    by: str
    why: str
    at: datetime
    until: datetime
    playbook: str = ""
    incident: str = ""

    def covers(self, host: str, playbook: str, now: datetime) -> bool:
        named = host in self.hosts and self.playbook in ("", playbook)
        return named and self.at <= now < self.until
