"""Tokens at the door: who asks, and whether this endpoint is for them."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from aiohttp import web
from aiohttp.typedefs import Middleware

from remediator.api.answers import Handler, problem
from remediator.api.requests import Endpoint, endpoint_key
from remediator.api.tenants.scopes import CALLER, OPERATOR, Caller, Scope, caller_with, named, scope_of
from remediator.api.tenants.tenancy import TokenDesk
from remediator.engine.machines.refusals import Refused, Terms, not_found
from remediator.model.token import Access

SCHEMES = ("bearer", "flyv1")
READS = ("GET", "HEAD")
# A proxy on our own host makes everybody look local; these are how it says so.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "Fleetmend-Forwarded")
# What one remediator shows another with a request that it passes on for somebody on its own loopback.
ONLOOKER_MARK = "Fleetmend-Onlooker"


@dataclass(frozen=True, slots=True)
class Ground:
    """What the guard judges by.

    ``organisation_of`` tells whose an app is, empty where there is no such app; ``onlookers`` are whoever may read
    what is not guarded without a token: ``loopback``, ``everyone`` or ``nobody``.
    """

    operator_token: str
    tokens: TokenDesk
    organisation_of: Callable[[str], str]
    onlookers: str = "loopback"


def bearer(request: web.Request) -> str:
    """The token of the Authorization header; empty when there is none of that kind."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in SCHEMES else ""


def same_token(offered: str, expected: str) -> bool:
    """Compares in constant time; an empty expectation matches nothing."""
    if not expected:
        return False
    return hmac.compare_digest(offered.encode(errors="surrogateescape"), expected.encode())


def unauthorised(what: str) -> web.Response:
    refused = problem(401, f"unauthorized: {what}", "unauthorized")
    refused.headers["WWW-Authenticate"] = "Bearer"
    return refused


def token_guard(endpoints: Iterable[Endpoint], ground: Ground) -> Middleware:
    """A middleware that lets through whom an endpoint is for, and tells the others as little as it can."""
    known = {(each.method, each.path): each for each in endpoints}

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        endpoint = known.get(endpoint_key(request))
        if endpoint is None:
            return await handler(request)
        caller = _caller(request, ground)
        if caller is not None:
            request[CALLER] = caller
        scope = endpoint.scope or scope_of(endpoint.path)
        if scope is Scope.ANYONE:
            return await handler(request)
        if caller is None:
            if endpoint.guarded or not may_look(request, ground.onlookers, ground.operator_token):
                return unauthorised("this needs a token as 'Authorization: Bearer …'")
        else:
            _judge(caller, request, endpoint, scope, ground)
        return await handler(request)

    return guard


def _caller(request: web.Request, ground: Ground) -> Caller | None:
    """Whose token is shown; None without one, or with one that is not good."""
    offered = bearer(request)
    if not offered:
        return None
    if same_token(offered, ground.operator_token):
        return OPERATOR
    token = ground.tokens.find(offered)
    return caller_with(token) if token else None


def _judge(caller: Caller, request: web.Request, endpoint: Endpoint, scope: Scope, ground: Ground) -> None:
    """Raises Refused for what is not the caller's: what is another tenant's exactly as what is not there."""
    writes = request.method not in READS
    match caller.access:
        case Access.OPERATOR:
            return
        case Access.MONITOR:
            if endpoint.guarded or writes:
                raise _forbidden("this token reads what monitoring needs, and nothing else")
        case Access.READ | Access.WRITE:
            _judge_tenant(caller, request, scope, ground)
            if writes and caller.access is not Access.WRITE:
                raise _forbidden("this token may only read")


def _judge_tenant(caller: Caller, request: web.Request, scope: Scope, ground: Ground) -> None:
    if scope is Scope.OPERATOR:
        raise _forbidden("this needs an operator's token")
    if scope is Scope.APP:
        app = named(request, scope)
        if not caller.sees(ground.organisation_of(app), app):
            raise not_found("app")
    if scope is Scope.ORG and not caller.sees(named(request, scope)):
        raise not_found("organization")


def _forbidden(text: str) -> Refused:
    return Refused(f"forbidden: {text}", Terms(403, "forbidden"))


def passed_on(request: web.Request, onlookers: str, operator_token: str) -> dict[str, str]:
    """What a request is passed on with to another remediator: for whom, and whether they may look here."""
    mark = _mark(operator_token) if may_look(request, onlookers, operator_token) else ""
    return {"X-Forwarded-For": request.remote or "unknown", ONLOOKER_MARK: mark}


def may_look(request: web.Request, onlookers: str, operator_token: str) -> bool:
    """Whether who shows no token may read what is not guarded."""
    if onlookers != "loopback":
        return onlookers == "everyone"
    if same_token(request.headers.get(ONLOOKER_MARK, ""), _mark(operator_token)):
        return True
    return _is_loopback(request.remote or "") and not any(name in request.headers for name in FORWARDED)


@lru_cache(4)
def _mark(operator_token: str) -> str:
    return hmac.digest(operator_token.encode(), b"onlooker", "sha256").hex() if operator_token else ""


@lru_cache(256)
def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback
