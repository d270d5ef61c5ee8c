"""The embedded provider: asked for hosts, it starts new fronts and agents, each with its join token."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

Grow = Callable[[str, str, str], Coroutine[Any, Any, None]]


class Provider:
    """``POST /v1/hosts``; the same idempotency key is one request."""

    def __init__(self, token: str, grow: Grow) -> None:
        self._token = token
        self._grow = grow
        self.requests: dict[str, dict[str, Any]] = {}
        self._starting: list[asyncio.Task[None]] = []

    async def serve(self, port: int) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/hosts", self._hosts)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    async def _hosts(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return web.json_response({"error": "unauthorised"}, status=401)
        key = request.headers["Idempotency-Key"]
        if key not in self.requests:
            asked = await request.json()
            self.requests[key] = asked
            for host in asked["hosts"]:
                wanted = self._grow(host["name"], asked["region"], host["token"])
                self._starting.append(asyncio.create_task(wanted))
        return web.json_response({"hosts": [host["name"] for host in self.requests[key]["hosts"]]}, status=202)
