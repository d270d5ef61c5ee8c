"""What keeps tenants apart and honest: their tokens, their pace, and the audit; the composition root injects it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from remediator.api.tenants.limits import Limiter
from remediator.engine.machines.refusals import Refused, Terms, not_found
from remediator.model.audit import Asked
from remediator.model.token import ApiToken, TokenAsk


class TokenDesk(Protocol):
    """Where tokens are made, found and taken back; ``find`` is None for one that is not good any more."""

    def find(self, secret: str) -> ApiToken | None: ...

    async def make(self, ask: TokenAsk) -> tuple[ApiToken, str]: ...

    async def revoke(self, identifier: str, by: str) -> ApiToken: ...

    def all(self) -> list[ApiToken]: ...


class Auditing(Protocol):
    """Where writes are told of: ``begins`` before the handler, ``ended`` with the status of the answer."""

    def begins(self, asked: Asked) -> None: ...

    def ended(self, asked: Asked, status: int) -> None: ...

    async def told(self, limit: int, app: str = "") -> list[dict[str, Any]]: ...


class NoTokens:
    """Where the operator's token is the only one."""

    def find(self, secret: str) -> ApiToken | None:  # noqa: ARG002 - the protocol's
        return None

    async def make(self, ask: TokenAsk) -> tuple[ApiToken, str]:  # noqa: ARG002
        raise Refused("no tokens are kept here", Terms(501))

    async def revoke(self, identifier: str, by: str) -> ApiToken:  # noqa: ARG002
        raise not_found("token")

    def all(self) -> list[ApiToken]:
        return []


class NoAudit:
    """Where nobody keeps an audit."""

    def begins(self, asked: Asked) -> None: ...

    def ended(self, asked: Asked, status: int) -> None: ...

    async def told(self, limit: int, app: str = "") -> list[dict[str, Any]]:  # noqa: ARG002
        return []


@dataclass(frozen=True, slots=True)
class Tenancy:
    """``onlookers`` are whoever may read what is not guarded without a token: loopback, everyone or nobody.

    Without a ``limiter`` everybody may ask as fast as they can.
    """

    tokens: TokenDesk = field(default_factory=NoTokens)
    audit: Auditing = field(default_factory=NoAudit)
    onlookers: str = "loopback"
    limiter: Limiter | None = None
