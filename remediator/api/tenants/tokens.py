"""`/v1/tokens`: made, listed and taken back by operators; what one's own may do is told by the organisations'."""

from datetime import timedelta
from typing import Annotated, Any, Self

from aiohttp import web
from pydantic import Field, model_validator

from remediator.api.answers import answer
from remediator.api.bodies import Lenient, Name, checked, read_object
from remediator.api.control import Control
from remediator.api.requests import Endpoint
from remediator.api.tenants.scopes import caller_of
from remediator.api.tenants.tenancy import TokenDesk
from remediator.model.token import Access, ApiToken, TokenAsk

LONGEST_SECONDS = 20 * 366 * 86400


class TokenIn(Lenient):
    """A token that is asked for: of an organisation, or of an operator or monitoring, which have none."""

    name: Annotated[Name, Field(min_length=1)]
    access: Annotated[str, Field(pattern="^(read|write|monitor|operator)$")] = "read"
    organisation: Name = ""
    app: Name = ""
    expires_seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None = None
    # SHA-256 in hex of a secret that the client has made: then it never travels.
    digest: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""

    @model_validator(mode="after")
    def _bound(self) -> Self:
        everywhere = self.access in (Access.OPERATOR, Access.MONITOR)
        if everywhere and (self.organisation or self.app):
            msg = f"a token with access {self.access} belongs to no organisation or app"
            raise ValueError(msg)
        if not everywhere and not self.organisation:
            msg = f"a token with access {self.access} needs an organisation"
            raise ValueError(msg)
        return self


class TokensApi:
    """A secret of our making is in one answer only; one of the client's in none."""

    def __init__(self, control: Control, tokens: TokenDesk) -> None:
        self._control = control
        self._tokens = tokens

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/tokens", self.listed, "tokens.list", guarded=True),
            Endpoint("POST", "/v1/tokens", self.make, "tokens.create", guarded=True, body=TokenIn),
            Endpoint("DELETE", "/v1/tokens/{id}", self.revoke, "tokens.revoke", guarded=True),
        ]

    async def listed(self, _: web.Request) -> web.Response:
        now = self._control.now()
        return answer([token_doc(each) | {"expired": not each.good_at(now)} for each in self._tokens.all()])

    async def make(self, request: web.Request) -> web.Response:
        asked = checked(TokenIn, await read_object(request))
        lasts = asked.expires_seconds
        until = self._control.now() + timedelta(seconds=lasts) if lasts else None
        by = caller_of(request).name
        ask = TokenAsk(asked.name, Access(asked.access), asked.organisation, asked.app, until, by, asked.digest)
        made, secret = await self._tokens.make(ask)
        told = {"token": secret} if secret else {}
        return answer({**token_doc(made), **told}, 201, {"Cache-Control": "no-store"})

    async def revoke(self, request: web.Request) -> web.Response:
        gone = await self._tokens.revoke(request.match_info["id"], caller_of(request).name)
        return answer(token_doc(gone))


def token_doc(token: ApiToken) -> dict[str, Any]:
    """Everything but its digest."""
    return {
        "id": token.id,
        "name": token.name,
        "access": token.access,
        "organisation": token.organisation,
        "app": token.app,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
        "by": token.by,
    }
