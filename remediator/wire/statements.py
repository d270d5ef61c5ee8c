"""What the remediator signs for its agents: commands and welcomes, the ceilings they keep to, whom they ask."""

import base64
import binascii
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from remediator.model.errors import PermanentError
from remediator.wire.messages import Command, Welcome
from remediator.wire.sealing import canonical

Document = dict[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What automatic decisions may do to one host whatever its remediator thinks, since ``at``; spans in seconds.

    ``patience``: a host that was away for less loses nothing of what it ran. ``share`` of its machines, and no fewer
    than ``at_least``, may be destroyed in ``per``.
    """

    patience: float
    share: float
    at_least: int
    per: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Peer:
    """An agent that another asks whether it is there; ``verify_key`` is what its answers are signed with."""

    name: str
    rack: str
    url: str
    verify_key: str


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How long ``host`` may be without its remediator and its ``peers`` before what is under lease stops there."""

    host: str
    seconds: float
    peers: tuple[Peer, ...]
    at: datetime


def sign(kind: str, value: Any, key: SigningKey) -> str:
    """The signature of a value as JSON, in base64; ``kind`` keeps one kind from passing for another."""
    return base64.b64encode(key.sign(_statement(kind, value)).signature).decode()


def verify(kind: str, value: Any, signature: object, key: VerifyKey) -> None:
    """Nothing when that key signed it.

    Raises:
        PermanentError: it did not.
    """
    try:
        key.verify(_statement(kind, value), base64.b64decode(str(signature), validate=True))
    except (CryptoError, binascii.Error, ValueError, TypeError) as error:
        raise PermanentError(f"the {kind} is not signed by this fleet's remediator") from error


def signed_document(kind: str, value: Any, key: SigningKey) -> Document:
    """A value to be kept and told: its fields and its signature."""
    body: Document = msgspec.to_builtins(value)
    return {**body, "signature": sign(kind, body, key)}


def read_document(kind: str, document: Document, form: type[_T], key: VerifyKey) -> _T:
    """The value in a signed document.

    Raises:
        PermanentError: not signed by that key, or no such value.
    """
    body = {name: held for name, held in document.items() if name != "signature"}
    verify(kind, body, document.get("signature"), key)
    try:
        return msgspec.convert(body, form)
    except msgspec.ValidationError as error:
        raise PermanentError(f"a {kind} that cannot be read: {error}") from error


def signed_command(command: Command, incarnation: str, key: SigningKey) -> Command:
    """The command with the signature over all of it, in the incarnation that it is sent in."""
    return replace(command, signature=sign("command", _of_command(command, incarnation), key))


def check_command(command: Command, incarnation: str, key: VerifyKey) -> None:
    """PermanentError unless that key signed this command, as it is."""
    verify("command", _of_command(command, incarnation), command.signature, key)


def signed_welcome(welcome: Welcome, host: str, key: SigningKey) -> Welcome:
    mark = sign("mark", [welcome.incarnation, welcome.term, welcome.began], key)
    return replace(welcome, mark=mark, signature=sign("welcome", _of_welcome(welcome, host), key))


def check_mark(mark: str, incarnation: str, term: int, began: str, key: VerifyKey) -> None:
    """PermanentError unless a welcome of that term was signed by that key."""
    verify("mark", [incarnation, term, began], mark, key)


def check_welcome(welcome: Welcome, host: str, key: VerifyKey) -> None:
    """PermanentError unless that key signed what this welcome orders of that host."""
    verify("welcome", _of_welcome(welcome, host), welcome.signature, key)


def _of_command(command: Command, incarnation: str) -> list[Any]:
    place = [incarnation, command.term, command.sequence, command.epoch, command.host, command.identity]
    return [*place, command.key, command.verb, command.origin.value, command.args]


def _of_welcome(welcome: Welcome, host: str) -> list[Any]:
    place = [host, welcome.incarnation, welcome.term, welcome.began, welcome.epoch]
    return [*place, list(welcome.condemned), list(welcome.automatic)]


def _statement(kind: str, value: Any) -> bytes:
    return f"fleetmend {kind} 1\n".encode() + canonical(value)
