"""What a remediator answers for a shard that another leads: it keeps evidence, hears of a freeze, acts on nothing."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from remediator.api.answers import RETRY_SECONDS, answer, answer_errors, problem
from remediator.api.bodies import read_object
from remediator.api.control import VantageReport
from remediator.api.fleet import read_report
from remediator.api.tenants.auth import bearer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Handlers = Mapping[tuple[str, str], Handler]


class Keeper(Protocol):
    """Who keeps the evidence."""

    def vantage_for(self, token: str) -> str: ...

    def take_report(self, report: VantageReport) -> None: ...


def follower_handlers(keeper: Keeper, agents: Handler | None, freeze: Callable[[dict[str, Any]], str]) -> Handlers:
    """By method and path. ``agents`` serves their sockets, None while there are no keys to prove ourselves with."""

    async def probes(request: web.Request) -> web.StreamResponse:
        """Heard, and not taken: the leader alone says who is to be probed, and by whom."""
        vantage = keeper.vantage_for(bearer(request))
        report = read_report(await request.read())
        if vantage and report.vantage == vantage:
            keeper.take_report(report)
        return problem(503, "another leads", "unavailable", retry_after=RETRY_SECONDS)

    async def frozen(request: web.Request) -> web.StreamResponse:
        return answer({"frozen": freeze(await read_object(request))})

    found = {("POST", "/internal/probes"): _told(probes), ("POST", "/v1/freeze"): _told(frozen)}
    return found | ({("GET", "/internal/agent"): agents} if agents else {})


def _told(handler: Handler) -> Handler:
    async def answered(request: web.Request) -> web.StreamResponse:
        return await answer_errors(request, handler)

    return answered
