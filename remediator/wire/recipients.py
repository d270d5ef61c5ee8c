"""Whom recoverable configs are sealed for, as an operator signed it; agents keep the youngest."""

from dataclasses import dataclass
from datetime import datetime

from nacl.signing import SigningKey, VerifyKey

from remediator.wire.keys import parse_box_key
from remediator.wire.sealing import Readers
from remediator.wire.statements import Document, read_document, signed_document

KIND = "recipients"


@dataclass(frozen=True, slots=True)
class Recipients:
    """Public keys in base64: the unsealer's, and an offline one for the day it is lost, empty where there is none."""

    online: str
    recovery: str
    at: datetime


def sign_recipients(recipients: Recipients, operator: SigningKey) -> Document:
    return signed_document(KIND, recipients, operator)


def read_recipients(document: Document, operator: VerifyKey) -> Recipients:
    """What an operator signed.

    Raises:
        PermanentError: nobody's signature, or no keys.
    """
    told = read_document(KIND, document, Recipients, operator)
    readers_of(told)
    return told


def readers_of(told: Recipients) -> Readers:
    """PermanentError when one of them is no key."""
    return Readers(parse_box_key(told.online), parse_box_key(told.recovery) if told.recovery else None)
