"""The audit's side of HTTP: an id for each request, a line for each write, and the list for those it is about."""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from remediator.api.answers import Handler, answer
from remediator.api.bodies import number
from remediator.api.requests import Endpoint, endpoint_key
from remediator.api.tenants.auth import READS
from remediator.api.tenants.scopes import CALLER, Caller, Scope, caller_of
from remediator.api.tenants.tenancy import Auditing
from remediator.model.audit import Asked

# Clients of the Machines API show it to people as "Request ID".
HEADER = "fly-request-id"
# What is sent is what we say it is; and nobody needs to know which library sends it.
EVERY = {"X-Content-Type-Options": "nosniff", "Server": "fleetmend"}
REQUEST_ID = web.RequestKey("request_id", str)
ASKED = web.RequestKey("asked", Asked)
CLIENT_GONE = 0
_UNPRINTED = re.compile(r"[^A-Za-z0-9_.:-]")
LONGEST = 64


def new_request_id() -> str:
    return secrets.token_hex(13)


def request_ids(endpoints: Iterable[Endpoint], auditing: Auditing, now: Callable[[], datetime]) -> Middleware:
    """The outermost middleware: names each request, and tells the audit how each write was answered."""
    writes = _writes(endpoints)

    @web.middleware
    async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = new_request_id()
        status = CLIENT_GONE
        try:
            response = await handler(request)
            status = response.status
            if not response.prepared:
                response.headers.update(EVERY)
                response.headers[HEADER] = request[REQUEST_ID]
            return response
        finally:
            if asked := request.get(ASKED) or _refused(request, writes, now()):
                auditing.ended(asked, status)

    return named


def _refused(request: web.Request, writes: Mapping[tuple[str, str], str], at: datetime) -> Asked | None:
    """A write that came no further than the guard; who showed no good token must not fill the audit."""
    operation, caller = writes.get(endpoint_key(request)), request.get(CALLER)
    return _asked(request, operation, caller, at) if operation and caller else None


def audited(endpoints: Iterable[Endpoint], auditing: Auditing, now: Callable[[], datetime]) -> Middleware:
    """The innermost middleware: what is committed from here on was asked for by this request."""
    writes = _writes(endpoints)

    @web.middleware
    async def begun(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = writes.get(endpoint_key(request))
        if operation:
            request[ASKED] = _asked(request, operation, caller_of(request), now())
            auditing.begins(request[ASKED])
        return await handler(request)

    return begun


def _writes(endpoints: Iterable[Endpoint]) -> dict[tuple[str, str], str]:
    """The operation of each endpoint that changes something; what is open to all tells of itself."""
    return {
        (each.method, each.path): each.operation or f"{each.method} {each.path}"
        for each in endpoints
        if each.method not in READS and each.scope is not Scope.ANYONE
    }


def _asked(request: web.Request, operation: str, caller: Caller, at: datetime) -> Asked:
    found = dict(request.match_info)
    app = found.pop("app", found.pop("app_name", ""))
    return Asked(request[REQUEST_ID], at, caller.name, operation, _plain(app), "/".join(map(_plain, found.values())))


def _plain(text: str) -> str:
    """A path's part as it may stand in a log: whatever else was sent there is nobody's business."""
    return _UNPRINTED.sub("?", text[:LONGEST])


class AuditApi:
    """The whole for operators, an app's own for whoever may read it: since it is theirs, as ``began`` tells."""

    def __init__(self, auditing: Auditing, began: Callable[[str], datetime | None]) -> None:
        self._auditing = auditing
        self._began = began

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/audit", self.whole, "audit.list", guarded=True),
            Endpoint("GET", "/v1/apps/{app}/audit", self.of_app, "apps.audit", guarded=True),
        ]

    async def whole(self, request: web.Request) -> web.Response:
        return answer(await self._auditing.told(number(request, "limit", 50, 1000)))

    async def of_app(self, request: web.Request) -> web.Response:
        limit = number(request, "limit", 50, 1000)
        app = request.match_info["app"]
        told = await self._auditing.told(limit, app)
        return answer(told if caller_of(request).is_operator else since(told, self._began(app)))


def since(lines: list[dict[str, Any]], began: datetime | None) -> list[dict[str, Any]]:
    """Those ``at`` that moment or later: what an app of this name was before is somebody else's."""
    return [line for line in lines if began is None or line["at"] >= began]
