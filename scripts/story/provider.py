"""The embedded provider: it starts new fronts and agents, each with its join token, and takes them back."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

Grow = Callable[[str, str, str], Coroutine[Any, Any, None]]
Shrink = Callable[[str], Coroutine[Any, Any, None]]


class Provider:
    """``POST /v1/hosts``; the same idempotency key is one request. ``DELETE /v1/hosts/{name}``; 404 if it is gone."""

    def __init__(self, token: str, grow: Grow, shrink: Shrink) -> None:
        self._token = token
        self._grow = grow
        self._shrink = shrink
        # Each host that is there, and that was taken back.
        self.made: set[str] = set()
        self.taken: list[str] = []
        self.requests: dict[str, dict[str, Any]] = {}
        self._starting: list[asyncio.Task[None]] = []

    async def serve(self, port: int) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/hosts", self._hosts)
        app.router.add_delete("/v1/hosts/{name}", self._take_back)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    async def _hosts(self, request: web.Request) -> web.Response:
        if not self._allowed(request):
            return web.json_response({"error": "unauthorised"}, status=401)
        key = request.headers["Idempotency-Key"]
        if key not in self.requests:
            asked = await request.json()
            self.requests[key] = asked
            for host in asked["hosts"]:
                self.made.add(host["name"])
                wanted = self._grow(host["name"], asked["region"], host["token"])
                self._starting.append(asyncio.create_task(wanted))
        return web.json_response({"hosts": [host["name"] for host in self.requests[key]["hosts"]]}, status=202)

    async def _take_back(self, request: web.Request) -> web.Response:
        if not self._allowed(request):
            return web.json_response({"error": "unauthorised"}, status=401)
        name = request.match_info["name"]
        if name not in self.made:
            return web.json_response({"error": "no such host"}, status=404)
        self.made.discard(name)
        self.taken.append(name)
        self._starting.append(asyncio.create_task(self._shrink(name)))
        return web.json_response({}, status=202)

    def _allowed(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self._token}"
