"""Commands and their results, as they travel inside a channel."""

from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import msgspec

from remediator.model.errors import PermanentError
from remediator.model.request import Origin

_Message = TypeVar("_Message")
# The answer to a hello of a remediator that follows: it listens, and another leads.
FOLLOWS = "follows"


@dataclass(frozen=True, slots=True)
class Command:
    """One verb for an agent. The same ``key`` sent twice has one effect.

    Within a term, ``sequence`` rises in the order in which commands are sent to that agent. ``host`` and ``identity``
    (the id of its data folder) say whom it is meant for. Remediators of before sign nothing, and leave these empty.
    """

    key: str
    verb: str
    term: int
    sequence: int
    epoch: int
    origin: Origin
    args: dict[str, Any] = field(default_factory=dict)
    host: str = ""
    identity: str = ""
    signature: str = ""

    def message(self) -> dict[str, Any]:
        return {"type": "command", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Welcome:
    """The remediator's answer to a hello: the host's epoch, and which of its machines must go.

    ``automatic`` are those of the condemned that no person asked for; ``began`` is when the term did, as text.
    Without ``admit`` we do not know what lives on elsewhere: what alone may write and does not run is not started.
    """

    epoch: int
    incarnation: str
    term: int
    condemned: tuple[str, ...] = ()
    admit: bool = True
    frozen: str = ""
    # The operator's last signed word about freezing, for an agent that was away when it was spoken.
    freeze: dict[str, Any] = field(default_factory=dict)
    automatic: tuple[str, ...] = ()
    began: str = ""
    # Signed over incarnation, term and ``began``: by it an agent shows later that it was told so.
    mark: str = ""
    # Signed documents that are taken over when they are younger: see statements.py.
    ceilings: dict[str, Any] = field(default_factory=dict)
    lease: dict[str, Any] = field(default_factory=dict)
    # Signed by an operator: see recipients.py.
    recipients: dict[str, Any] = field(default_factory=dict)
    signature: str = ""

    def message(self) -> dict[str, Any]:
        lists = {"condemned": list(self.condemned), "automatic": list(self.automatic)}
        return {"type": "welcome", **asdict(self), **lists}


def parse_command(message: dict[str, Any]) -> Command:
    """A message to a command; PermanentError when a field is missing or of the wrong kind."""
    return _convert(message, Command)


def parse_welcome(message: dict[str, Any]) -> Welcome:
    """A message to a welcome; PermanentError when a field is missing or of the wrong kind."""
    return _convert(message, Welcome)


def result_of(key: str, value: dict[str, Any]) -> dict[str, Any]:
    """The message for a command that was carried out."""
    return {"type": "result", "key": key, "ok": True, "value": value}


def refusal_of(key: str, error: Exception) -> dict[str, Any]:
    """The message for a command that was not: ``transient`` may be sent again, ``permanent`` not."""
    kind = "permanent" if isinstance(error, PermanentError) else "transient"
    return {"type": "result", "key": key, "ok": False, "error": kind, "text": str(error)}


def _convert(message: dict[str, Any], kind: type[_Message]) -> _Message:
    try:
        return msgspec.convert(message, kind)
    except msgspec.ValidationError as error:
        raise PermanentError(f"a {kind.__name__.lower()} that cannot be read: {error}") from error
