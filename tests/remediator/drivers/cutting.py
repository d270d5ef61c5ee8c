"""An orchestrator that fences, as a small HTTP server: it keeps keys, takes its time, and says what it has done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

TOKEN = "of-the-test"
Cut = Callable[[str, bool], Awaitable[None]]


async def nothing(_host: str, _on: bool) -> None:
    """Nobody's link hangs on it."""


@dataclass
class Cutter:
    """Cuts ``chassis`` (host by host) off with ``cut``; ``looks`` is how often it says pending before it has.

    ``status`` and ``text``, where they are set, are its answer whatever it is asked.
    """

    now: Callable[[], datetime]
    chassis: dict[str, str]
    cut: Cut = nothing
    looks: int = 0
    status: int = 0
    text: str | bytes = ""
    hangs: bool = False
    # What is changed of each proof, for one that tells something else than what is so.
    wrong: dict[str, Any] = field(default_factory=dict)
    fences: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    # Keys of what was carried out, and every request: method, path, key, body.
    done: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, str, Any]] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._door])
        app.router.add_get("/v1/hosts/{host}/fence", self._tell)
        app.router.add_post("/v1/hosts/{host}/fence", self._fence)
        app.router.add_post("/v1/hosts/{host}/unfence", self._unfence)
        return app

    def hang_up(self) -> None:
        """Whoever it kept waiting is told that nothing came of it."""
        self.hung_up.set()

    @property
    def posted(self) -> list[str]:
        """Keys that it was asked with."""
        return [key for method, _, key, _ in self.asked if method == "POST"]

    @web.middleware
    async def _door(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, request.headers.get("Idempotency-Key", ""), body))
        self.was_asked.set()
        if self.hangs:
            await self.hung_up.wait()
            return web.Response(status=503)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        if self.status or self.text:
            body = self.text.encode() if isinstance(self.text, str) else self.text
            return web.Response(status=self.status or 200, body=body)
        return await handler(request) if request.match_info["host"] in self.chassis else web.Response(status=404)

    async def _tell(self, request: web.Request) -> web.Response:
        host = request.match_info["host"]
        proof = self.fences.get(host)
        if proof and self.waiting.get(host, 0) > 0:
            self.waiting[host] -= 1
            return web.json_response({"state": "pending", "chassis": self.chassis[host]})
        told: dict[str, Any] = {"state": "fenced" if proof else "none", "chassis": self.chassis[host]}
        return web.json_response(told | ({"proof": proof | self.wrong} if proof else {}))

    async def _fence(self, request: web.Request) -> web.Response:
        host, body, key = request.match_info["host"], await request.json(), request.headers["Idempotency-Key"]
        if key not in self.done:
            self.done.append(key)
            await self.cut(host, True)
            life = {name: body[name] for name in ("chassis", "epoch", "boot_id")}
            self.fences[host] = {"at": self.now().isoformat(), "by": "switch port 7", **life}
            self.waiting[host] = self.looks
        return web.json_response({"state": "accepted"}, status=202)

    async def _unfence(self, request: web.Request) -> web.Response:
        host, body = request.match_info["host"], await request.json()
        if host in self.fences and self.fences[host]["epoch"] < body["epoch"]:
            del self.fences[host]
            await self.cut(host, False)
        return web.json_response({})


@asynccontextmanager
async def serving(cutter: Cutter, **more: Any) -> AsyncIterator[Cutter]:
    """On a free port of loopback, until the block ends; ``ssl_context`` for https."""
    runner = web.AppRunner(cutter.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, **more).start()
    scheme = "https" if "ssl_context" in more else "http"
    cutter.url = "{}://{}:{}".format(scheme, *runner.addresses[0][:2])
    try:
        yield cutter
    finally:
        await runner.cleanup()
