"""Which nouns the journal keeps, and how they are written: JSON of the frozen dataclasses."""

from typing import Any

import msgspec

from remediator.model.alert import KeptAlert
from remediator.model.decision import Remediation
from remediator.model.enrolment import Enrolment, JoinToken, Term
from remediator.model.host import Host
from remediator.model.incident import Incident
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.received import ReceivedAlert, SentAlert
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation

KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Host,
        Machine,
        Volume,
        Snapshot,
        Destroy,
        Migration,
        Burst,
        Demand,
        Operation,
        Remediation,
        Incident,
        Approval,
        OperatorHold,
        Release,
        Enrolment,
        JoinToken,
        Term,
        KeptAlert,
        ReceivedAlert,
        SentAlert,
    )
}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def decode(kind: str, body: bytes) -> Any:
    return _DECODERS[kind].decode(body)


def decode_body(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])
