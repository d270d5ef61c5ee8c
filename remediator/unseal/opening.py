"""Opening one envelope: only for a recreate that stands in the journal, only for the agent it is meant for."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from nacl.public import PrivateKey

from remediator.model.errors import PermanentError
from remediator.model.machine import Sealed
from remediator.unseal.rows import Body, JournalPlace, Rows, reading
from remediator.wire.keys import parse_box_key, parse_verify_key
from remediator.wire.sealing import PROBE, Config, check_envelope, digest, open_config, seal_config

_OPEN_STAGES = ("written", "sent")


@dataclass(frozen=True, slots=True)
class Request:
    """One envelope to open, for whom, and the key of the journalled operation that needs it."""

    id: str
    envelope: Sealed
    verify_key: str
    target_key: str
    operation: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A box with nothing in it but a probe: whether our keys open what is closed for us."""

    id: str
    probe: str


def unseal(request: Request, private: Sequence[PrivateKey], journal: JournalPlace) -> tuple[str, str]:
    """The config closed for the target agent, and its digest.

    Raises:
        PermanentError: the journal does not ask for this, or the envelope is not what it says.
        TransientError: the journal cannot be read now.
        BadInput: the file of its password cannot be used.
    """
    with reading(journal) as rows:
        _check_journal(request, rows)
    check_envelope(request.envelope, parse_verify_key(request.verify_key))
    config = _opened(request.envelope.box, private)
    # The signature covers the digest, and the digest what was in the box.
    if digest(config) != request.envelope.digest:
        raise PermanentError(
            f"the sealed config of machine {request.envelope.machine} is not the one that was signed"
        )
    return seal_config(config, parse_box_key(request.target_key)), request.envelope.digest


def probed(probe: Probe, private: Sequence[PrivateKey]) -> str:
    """What the probe holds; a box with anything else in it is not opened for the asking.

    Raises:
        PermanentError: it does not open, or is no probe.
    """
    inside = _opened(probe.probe, private)
    if inside.keys() != {PROBE}:
        raise PermanentError("this is no probe")
    return str(inside[PROBE])


def _opened(box: str, private: Sequence[PrivateKey]) -> Config:
    """By the key of today, or the one before it."""
    for key in private[:-1]:
        with suppress(PermanentError):
            return open_config(box, key)
    return open_config(box, private[-1])


def _check_journal(request: Request, rows: Rows) -> None:
    sealed, operation = request.envelope, rows("Operation", request.operation)
    if operation is None or operation.get("verb") != "create" or operation.get("stage") not in _OPEN_STAGES:
        raise PermanentError(f"the journal has no open create {request.operation!r}")
    sources = (operation.get("machine"), (operation.get("args") or {}).get("source"))
    if sealed.machine not in sources:
        raise PermanentError(f"operation {request.operation!r} is not about machine {sealed.machine}")
    _check_machine(sealed, rows("Machine", sealed.machine))
    _check_keys(request, str(operation.get("host")), rows)


def _check_machine(sealed: Sealed, machine: Body | None) -> None:
    if machine is None or machine.get("host") != sealed.host:
        raise PermanentError(f"host {sealed.host} did not hold machine {sealed.machine}")
    if machine.get("instance_id") != sealed.instance_id:
        raise PermanentError(f"sealed copy of machine {sealed.machine} is older than its last configuration")
    if machine.get("digest") not in ("", sealed.digest):
        raise PermanentError(f"sealed copy of machine {sealed.machine} is not of the config it was created with")


def _check_keys(request: Request, target: str, rows: Rows) -> None:
    """The keys must be those that were enrolled: the one that signed, and the one that will read."""
    signer, reader = (rows("Enrolment", f"agent/{name}") for name in (request.envelope.host, target))
    if signer is None or signer.get("verify_key") != request.verify_key:
        raise PermanentError(f"the key given for host {request.envelope.host} is not the one it enrolled with")
    if reader is None or reader.get("box_key") != request.target_key:
        raise PermanentError(f"the key given for host {target} is not the one it enrolled with")
