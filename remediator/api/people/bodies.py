"""What people send: each word with who, why and until when, checked at the border."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from remediator.api.bodies import Lenient, Text, wrong
from remediator.model.people import Scope
from remediator.model.said import (
    Accept,
    Approve,
    Deny,
    EndMaintenance,
    Keep,
    LetGo,
    Maintain,
    Remove,
    Retire,
    Said,
    TakeOver,
    Trust,
    Undo,
    Unkeep,
    Unquarantine,
    Word,
)

# The token tells an operator; the name beside it is what the command's user is called.
IDENTITY = "operator token"
LONGEST_SECONDS = 400 * 86400


def _printable(text: str) -> str:
    if not text.isprintable():
        msg = "must hold no control characters"
        raise ValueError(msg)
    return text.strip()


Line = Annotated[Text, AfterValidator(_printable)]
Short = Annotated[Line, Field(min_length=1, max_length=256)]
Names = Annotated[list[Short], Field(max_length=10_000)]
SomeNames = Annotated[list[Short], Field(min_length=1, max_length=10_000)]


class SaidIn(Lenient):
    """Who says it and why; ``until`` is RFC 3339, ``for_seconds`` counts from our own now."""

    by: Annotated[Line, Field(max_length=64)] = ""
    why: Annotated[Line, Field(max_length=500)] = ""
    until: Annotated[str, Field(max_length=64)] | None = None
    for_seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None = None

    def word(self) -> Word:
        raise NotImplementedError

    def said(self, now: datetime, default: timedelta | None) -> Said:
        """The word with its speaker and its end.

        Raises:
            BadInput: both ends given, or one that cannot be read.
        """
        who = self.by or "somebody"
        return Said(self.word(), f"{who} ({IDENTITY})", self.why, self._end(now, default))

    def _end(self, now: datetime, default: timedelta | None) -> datetime | None:
        if self.until is not None and self.for_seconds is not None:
            raise wrong("until: give until or for_seconds, not both")
        if self.for_seconds is not None:
            return now + timedelta(seconds=self.for_seconds)
        if self.until is None:
            return now + default if default else None
        try:
            at = datetime.fromisoformat(self.until)
            if at.tzinfo is None:
                raise wrong("until: has no time zone; write for example 2026-08-10T14:00:00Z")
            return at.astimezone(UTC)
        except (ValueError, OverflowError):
            raise wrong("until: is no moment; write for example 2026-08-10T14:00:00Z") from None


class ApproveIn(SaidIn):
    question: Short

    def word(self) -> Word:
        return Approve(self.question)


class DenyIn(ApproveIn):
    def word(self) -> Word:
        return Deny(self.question)


class HoldIn(SaidIn):
    scope: Annotated[str, StringConstraints(pattern="^(host|app|machine|playbook|rack|region|fleet)$")]
    name: Annotated[Line, Field(max_length=256)] = ""
    playbook: Annotated[Line, Field(max_length=256)] = ""

    def word(self) -> Word:
        return Keep(Scope(self.scope), self.name, self.playbook)


class UnholdIn(HoldIn):
    def word(self) -> Word:
        return Unkeep(Scope(self.scope), self.name, self.playbook)


class ReleaseIn(SaidIn):
    hosts: Names = Field(default_factory=list)
    playbook: Annotated[Line, Field(max_length=256)] = ""
    incident: Annotated[Line, Field(max_length=256)] = ""

    def word(self) -> Word:
        return LetGo(tuple(self.hosts), self.playbook, self.incident)


class MaintenanceIn(SaidIn):
    hosts: SomeNames

    def word(self) -> Word:
        return Maintain(tuple(self.hosts))


class EndMaintenanceIn(MaintenanceIn):
    def word(self) -> Word:
        return EndMaintenance(tuple(self.hosts))


class RetireIn(SaidIn):
    host: Short
    attested: Annotated[str, StringConstraints(pattern="^(wiped|destroyed)$")]
    abandon: bool = False

    def word(self) -> Word:
        return Retire(self.host, self.attested, self.abandon)


class UndoIn(SaidIn):
    playbook: Short
    target: Short

    def word(self) -> Word:
        return Undo(self.playbook, self.target)


class RemoveIn(SaidIn):
    host: Short
    stay: bool = False

    def word(self) -> Word:
        return Remove(self.host, self.stay)


class AcceptIn(SaidIn):
    host: Short
    answer: Annotated[str, StringConstraints(pattern="^(replaced|renamed)$")]

    def word(self) -> Word:
        return Accept(self.host, self.answer)


class UnquarantineIn(SaidIn):
    name: Short

    def word(self) -> Word:
        return Unquarantine(self.name)


class TakeOverIn(SaidIn):
    machine: Short

    def word(self) -> Word:
        return TakeOver(self.machine)


class TrustIn(SaidIn):
    playbook: Short

    def word(self) -> Word:
        return Trust(self.playbook)
