"""Who asks, and what an endpoint wants of whom: the words of tenancy."""

import re
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from remediator.model.token import Access, ApiToken

_APP = re.compile(r"/v1/apps/\{(\w+)\}")
_ORG = re.compile(r"/v1/orgs/\{(\w+)\}")


class Scope(StrEnum):
    """Whose tokens an endpoint takes."""

    ANYONE = "anyone"
    TOKEN = "token"  # noqa: S105 - any good one; the handler shows each caller its own
    APP = "app"
    ORG = "org"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. A tenant is bound to an organisation, and perhaps to one app of it.

    ``key`` tells callers apart for limits; ``name`` is for people, and holds nothing secret.
    """

    name: str
    access: Access
    organisation: str = ""
    app: str = ""
    key: str = ""

    @property
    def is_operator(self) -> bool:
        return self.access is Access.OPERATOR

    @property
    def is_tenant(self) -> bool:
        return bool(self.organisation)

    def sees(self, organisation: str, app: str = "") -> bool:
        """Whether it is theirs; without ``app`` the organisation as a whole is meant."""
        if not self.is_tenant:
            return True
        return organisation == self.organisation and self.app in ("", app)


# Whoever reaches us over the loopback and shows nothing; a name in the audit for what is open to all.
ONLOOKER = Caller("anyone", Access.MONITOR)
OPERATOR = Caller("operator token", Access.OPERATOR, key="operator")
CALLER = web.RequestKey("caller", Caller)


def caller_of(request: web.Request) -> Caller:
    """Who asks; set by the guard before any handler runs."""
    return request.get(CALLER) or ONLOOKER


def caller_with(token: ApiToken) -> Caller:
    return Caller(token.name, token.access, token.organisation, token.app, token.id)


def scope_of(path: str) -> Scope:
    """What a path pattern asks for where its endpoint does not say: the operator's, unless it names a tenant."""
    if _APP.match(path):
        return Scope.APP
    return Scope.ORG if _ORG.match(path) else Scope.OPERATOR


def named(request: web.Request, scope: Scope) -> str:
    """The app or organisation of the request's path; empty where there is none."""
    resource = request.match_info.route.resource
    found = (_APP if scope is Scope.APP else _ORG).match(resource.canonical) if resource else None
    return request.match_info[found[1]] if found else ""
