"""An operator's signed word that all automatic acting stops, or may go on; it needs no journal and no leader."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from remediator.model.errors import PermanentError
from remediator.wire.sealing import canonical


@dataclass(frozen=True, slots=True)
class Freeze:
    """Who froze or released what is frozen, why, and when; of two, the younger holds.

    ``until`` is the end of one that ends by itself: for the remediator alone, agents are never told of it.
    """

    frozen: bool
    who: str
    why: str
    at: datetime
    until: datetime | None = None

    @property
    def text(self) -> str:
        """The words for people; empty when not frozen."""
        end = f", until {self.until:%Y-%m-%d %H:%M:%S}Z" if self.until else ""
        return f"by {self.who}: {self.why}{end}" if self.frozen else ""

    def ends_before(self, other: "Freeze") -> bool:
        """Of two freezes, whether this one ends by itself while the other still holds."""
        if not (self.frozen and other.frozen and self.until):
            return False
        return other.until is None or self.until < other.until


_FIELDS = ("frozen", "who", "why", "at")


def sign_freeze(
    key: SigningKey, *, frozen: bool, who: str, why: str, at: datetime, until: datetime | None = None
) -> dict[str, Any]:
    """The document to send to every agent; ``at`` and ``until`` are aware UTC."""
    body = {"frozen": frozen, "who": who, "why": why, "at": at.isoformat()}
    if until:
        body["until"] = until.isoformat()
    return {**body, "signature": base64.b64encode(key.sign(_statement(body)).signature).decode()}


def check_freeze(document: dict[str, Any], verify_key: VerifyKey) -> Freeze:
    """The statement in a document, when the operator's key signed it.

    Raises:
        PermanentError: not signed by that key, or not such a document.
    """
    # Signed only where it is there: who knows no end signs and checks the same four words as ever.
    body = {key: document.get(key) for key in (*_FIELDS, "until") if key in document or key in _FIELDS}
    try:
        verify_key.verify(_statement(body), base64.b64decode(str(document.get("signature")), validate=True))
        at = datetime.fromisoformat(str(body["at"]))
        until = datetime.fromisoformat(str(body["until"])) if "until" in body else None
    except (CryptoError, binascii.Error, ValueError, TypeError) as error:
        raise PermanentError("the freeze is not signed by this fleet's operator") from error
    return Freeze(body["frozen"] is True, str(body["who"]), str(body["why"]), at, until)


def _statement(body: dict[str, Any]) -> bytes:
    return b"fleetmend freeze 1\n" + canonical(body)
