"""Who may speak to us: keys exchanged at enrolment, tokens that allow it once, and our own term."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An agent's public keys, or a vantage's hashed bearer token."""

    name: str
    kind: str
    region: str
    rack: str
    at: datetime
    verify_key: str = ""
    box_key: str = ""
    token_hash: str = ""
    address: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class JoinToken:
    """Allows one enrolment under one name until it expires; only its hash is kept.

    ``kind`` is what may join, agent or vantage; empty is either. ``used_by`` marks who joined with it: the
    same again, whose answer was lost, is answered again.
    """

    token_hash: str
    name: str
    expires_at: datetime
    kind: str = ""
    used_by: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """Our leadership: the journal's incarnation, a term that grows at each start, and when we were last ``seen``.

    ``rewound`` says why agents may know more than our journal; empty but for the time until a person accepts.
    What was written before ``rewound_at`` is the older copy's.
    ``keys`` marks the keys that the fleet's agents trust.
    """

    incarnation: str
    number: int
    began: datetime
    seen: datetime | None = None
    rewound: str = ""
    rewound_at: datetime | None = None
    keys: str = ""
    # Part of the names of new hosts, once a gap was accepted: of those in it, names that we have forgotten live on.
    naming: str = ""
