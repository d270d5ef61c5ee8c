"""Bearer tokens: who may write, and read what holds secrets."""

import hmac

from aiohttp import web
from aiohttp.typedefs import Middleware

from remediator.api.answers import Handler, problem
from remediator.api.requests import Endpoint, endpoint_key


def bearer(request: web.Request) -> str:
    """The token of the Authorization header; empty when there is none of that kind."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def same_token(offered: str, expected: str) -> bool:
    """Compares in constant time; an empty expectation matches nothing."""
    if not expected:
        return False
    return hmac.compare_digest(offered.encode(errors="surrogateescape"), expected.encode())


def unauthorised(what: str) -> web.Response:
    refused = problem(401, f"unauthorized: {what}", "unauthorized")
    refused.headers["WWW-Authenticate"] = "Bearer"
    return refused


def token_guard(endpoints: list[Endpoint], operator_token: str) -> Middleware:
    """A middleware that lets only the operator reach the guarded endpoints."""
    guarded = {(each.method, each.path) for each in endpoints if each.guarded}

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if endpoint_key(request) in guarded and not same_token(bearer(request), operator_token):
            return unauthorised("this needs the operator token as 'Authorization: Bearer …'")
        return await handler(request)

    return guard
