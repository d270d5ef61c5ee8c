"""Which nouns the journal keeps, and how they are written: JSON of the frozen dataclasses.

A field that a row does not have takes its default, a field that we do not know is passed over: rows of the version
before ours, and of the one after, are read alike.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from remediator.journal.chain import Line
from remediator.journal.protocol import Entry, JournalUnusable, Stored
from remediator.journal.sharing import Sharing
from remediator.model.alert import KeptAlert
from remediator.model.app import App
from remediator.model.decision import Remediation
from remediator.model.enrolment import Enrolment, JoinToken, Term
from remediator.model.host import Host
from remediator.model.incident import Incident
from remediator.model.loan import Loan
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.machine_lease import MachineLease
from remediator.model.people import Approval, OperatorHold, Release
from remediator.model.received import ReceivedAlert, SentAlert
from remediator.model.record import Record
from remediator.model.request import Burst, Demand, Destroy, Migration, Operation
from remediator.model.suspicion import BaseRate, Suspicion
from remediator.model.token import ApiToken

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
        Loan,
        Demand,
        Operation,
        Remediation,
        Incident,
        Approval,
        OperatorHold,
        Release,
        Record,
        Suspicion,
        BaseRate,
        Enrolment,
        JoinToken,
        ApiToken,
        App,
        Term,
        KeptAlert,
        ReceivedAlert,
        SentAlert,
        MachineLease,
    )
}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}
# What a disk that is all but full can do without: alerts are sent again by whoever told them.
SPARED = frozenset({"KeptAlert", "ReceivedAlert", "SentAlert"})
# Sealed configs are in the rows for as long as they are needed, and only as their digest in what is kept for long.
_SEALED = {
    "Machine": ("sealed", "box"),
    "Operation": ("args", "sealed_config"),
    "Migration": ("anew", "sealed_config"),
}


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def decode(kind: str, body: bytes) -> Any:
    return _DECODERS[kind].decode(body)


def decode_body(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])


def decode_entry(line: Line) -> Entry:
    """The entry as it was given, its body as plain JSON."""
    at, kind, identifier, subject = (text.decode() for text in (line.at, line.kind, line.id, line.subject))
    return Entry(datetime.fromisoformat(at), kind, identifier, subject, decode_body(line.body))


def decode_rows(found: Iterable[tuple[str, str, int, bytes]]) -> dict[str, dict[str, Stored]]:
    """Kind, id, version and body of every row, as values; kinds of a later version are passed over.

    Raises:
        JournalUnusable: a row is damaged, or means what we cannot know.
    """
    rows: dict[str, dict[str, Stored]] = {kind: {} for kind in KINDS}
    parts = Sharing()
    for kind, identifier, version, body in found:
        if kind in rows:
            try:
                rows[kind][identifier] = Stored(version, parts.shared(decode(kind, body)))
            except msgspec.MsgspecError as error:
                raise JournalUnusable(f"journal: row {kind} {identifier} cannot be read: {error}") from error
    return rows


def history_form(kind: str, body: bytes) -> bytes:
    """A row as the history keeps it: the same, but for a sealed config, of which it keeps the digest."""
    place = _SEALED.get(kind)
    if place is None or f'"{place[1]}":'.encode() not in body:
        return body
    row = decode_body(body)
    part = row.get(place[0])
    if isinstance(part, dict) and isinstance(part.get(place[1]), str):
        part[place[1]] = f"sha256:{sha256(part[place[1]].encode()).hexdigest()}"
    return encode(row)
