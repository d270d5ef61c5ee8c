"""What a remediator answers that does not lead: that it lives, who leads, and nothing else."""

from collections.abc import Callable

from aiohttp import web

from remediator.api.answers import RETRY_SECONDS, answer, problem

METRICS = """# HELP fleetmend_leader Whether this remediator leads.
# TYPE fleetmend_leader gauge
fleetmend_leader 0
"""


def build_follower_app(holder: str, leader: Callable[[], str]) -> web.Application:
    """All but ``/healthz`` and ``/metrics`` is answered 503 with Retry-After: clients ask the leader."""

    async def elsewhere(request: web.Request) -> web.Response:
        told = f"{holder} follows; {leader() or 'nobody yet'} leads"
        if request.path == "/readyz":
            return answer({"ready": False, "reasons": [told]}, 503)
        return problem(503, told, "unavailable", retry_after=RETRY_SECONDS)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=METRICS, headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    app.router.add_route("*", "/{path:.*}", elsewhere)
    return app
