"""Tokens of the API: what each may do, kept without the secret itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Access(StrEnum):
    """What a token allows; those of operators and monitoring are bound to no organisation.

    ``monitor`` reads what is open on the loopback: metrics, targets, status; no config, and it writes nothing.
    """

    READ = "read"
    WRITE = "write"
    MONITOR = "monitor"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token; ``id`` is public, ``digest`` is the SHA-256 of the secret in hex.

    No slow hash: the secret is 256 random bits, which nobody guesses however fast the guesses are checked.
    ``app`` narrows it to one app of its organisation; ``expires_at`` None is never. ``used_at`` is coarse.
    """

    id: str
    name: str
    digest: str
    access: Access
    organisation: str
    app: str
    created_at: datetime
    expires_at: datetime | None = None
    by: str = ""
    used_at: datetime | None = None

    def good_at(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class TokenAsk:
    """A token that is to be made, and by whom.

    ``digest`` is of a secret that whoever asks has made and keeps, empty for one of ours: with it, several journals
    come to know the same token.
    """

    name: str
    access: Access
    organisation: str = ""
    app: str = ""
    expires_at: datetime | None = None
    by: str = ""
    digest: str = ""
