"""What a person says to the fleet: one small value for each word, with who says it, why, and until when."""

from dataclasses import dataclass
from datetime import datetime

from remediator.model.people import Scope


@dataclass(frozen=True, slots=True)
class Approve:
    """Yes to a question, named by its id, its key, or its target where that has but one."""

    question: str


@dataclass(frozen=True, slots=True)
class Deny:
    """No to a question; or a yes taken back before it was acted on."""

    question: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing automatic is done to something, or not by that playbook, until a moment: an operator's hold."""

    scope: Scope
    name: str = ""
    playbook: str = ""


@dataclass(frozen=True, slots=True)
class Unkeep:
    """The end of an operator's hold before its time."""

    scope: Scope
    name: str = ""
    playbook: str = ""


@dataclass(frozen=True, slots=True)
class LetGo:
    """Named hosts pass ratio, rate, backlog or incident; without hosts, those of the incident or backlog now."""

    hosts: tuple[str, ...] = ()
    playbook: str = ""
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Maintain:
    """People work on these hosts, until a moment."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndMaintenance:
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retire:
    """A lost host never comes back with what it held: ``attested`` is wiped or destroyed.

    ``abandon`` gives up machines that nothing serves for.
    """

    host: str
    attested: str
    abandon: bool = False


@dataclass(frozen=True, slots=True)
class Undo:
    """What a playbook did to a target is taken back, as far as it can be, and not done again for a time."""

    playbook: str
    target: str


@dataclass(frozen=True, slots=True)
class Remove:
    """A living host is emptied, and leaves; ``stay`` takes that back."""

    host: str
    stay: bool = False


@dataclass(frozen=True, slots=True)
class Accept:
    """Who stands under a known name: another server in its place (replaced), or another's name (renamed)."""

    host: str
    answer: str


@dataclass(frozen=True, slots=True)
class Unquarantine:
    """A machine, or all of an app, may be started anew although its hosts died."""

    name: str


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A machine that runs on a host and was not ours is ours from now on."""

    machine: str


@dataclass(frozen=True, slots=True)
class Trust:
    """A playbook that helped too seldom acts by itself again."""

    playbook: str


Word = (
    Approve
    | Deny
    | Keep
    | Unkeep
    | LetGo
    | Maintain
    | EndMaintenance
    | Retire
    | Undo
    | Remove
    | Accept
    | Unquarantine
    | TakeOver
    | Trust
)


@dataclass(frozen=True, slots=True)
class Said:
    """A word with its speaker; ``until`` is None where none was named."""

    word: Word
    by: str
    why: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of it: the sentence for whoever said it, and whether anything is other than before."""

    subject: str
    text: str
    changed: bool
    until: datetime | None = None
