"""Counts of API requests by operation, version and code; the orchestrator exporter publishes them."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware
from pydantic import BaseModel

from remediator.api.answers import Handler
from remediator.api.tenants.scopes import Scope

# Upper bounds in seconds: from what memory answers to what waits for a host.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Query:
    """One value of the query; ``kind`` is JSON schema's: string, integer or boolean."""

    name: str
    kind: str = "string"
    told: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method on one path.

    ``operation`` names it in metrics (empty: not counted). ``scope`` is whose token it takes, None as its path says;
    one that is not ``guarded`` is also open to whoever shows no token on the loopback.
    The rest is for readers of the API: the model of its body, the type of its answer, and the queries that it takes.
    """

    method: str
    path: str
    handler: Handler
    operation: str = ""
    guarded: bool = False
    body: type[BaseModel] | None = None
    # A TypedDict, or a list of them: whatever msgspec makes a JSON schema of. None: an answer of no set shape.
    answers: Any = None
    query: tuple[Query, ...] = ()
    scope: Scope | None = None


def endpoint_key(request: web.Request) -> tuple[str, str]:
    """Method and path pattern of the endpoint that a request reached; the pattern is empty where there is none."""
    resource = request.match_info.route.resource
    method = "GET" if request.method == "HEAD" else request.method
    return method, resource.canonical if resource else ""


class RequestCounter:
    """Requests and seconds since start; ``monotonic`` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], version: str = "0.1.0") -> None:
        self._monotonic = monotonic
        self._version = version
        self._counts: dict[tuple[str, str], int] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._buckets: dict[tuple[str, str], list[int]] = {}
        self._total = 0

    @property
    def version(self) -> str:
        return self._version

    @property
    def total(self) -> int:
        """All requests counted so far: changes whenever a row does."""
        return self._total

    def count(self, operation: str, code: str, seconds: float) -> None:
        key = (operation, code)
        self._counts[key] = self._counts.get(key, 0) + 1
        self._seconds[key] = self._seconds.get(key, 0.0) + seconds
        # The last one is for all that is slower than the largest bound.
        self._buckets.setdefault(key, [0] * (len(BUCKETS) + 1))[bisect_left(BUCKETS, seconds)] += 1
        self._total += 1

    def rows(self) -> list[dict[str, Any]]:
        """``{"operation", "version", "code", "count", "seconds", "buckets"}`` for each pair seen, in order.

        ``buckets`` are pairs of a bound in seconds and the number of requests that took no longer.
        """
        return [
            {
                "operation": operation,
                "version": self._version,
                "code": code,
                "count": count,
                "seconds": round(self._seconds[operation, code], 6),
                "buckets": list(zip(BUCKETS, accumulate(self._buckets[operation, code]), strict=False)),
            }
            for (operation, code), count in sorted(self._counts.items())
        ]

    def middleware(self, endpoints: list[Endpoint]) -> Middleware:
        """An aiohttp middleware; put it first, so that it sees the codes that clients see."""
        operations = {(each.method, each.path): each.operation for each in endpoints}

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            operation = operations.get(endpoint_key(request), "")
            began = self._monotonic()
            # A client that went away has had no answer; nginx's number for it is widely known.
            code = "499"
            try:
                response = await handler(request)
                code = str(response.status)
                return response
            finally:
                if operation:
                    self.count(operation, code, self._monotonic() - began)

        return counted
