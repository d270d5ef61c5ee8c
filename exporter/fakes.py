"""A remediator for tests: grants tokens, takes reports, serves a state, and can be told to refuse."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

JOIN_TOKEN = "join-once"  # noqa: S105
TOKEN = "lasting"  # noqa: S105


@dataclass
class FakeRemediator:
    """Speaks the three internal paths that exporters use; ``url`` is set once it is entered."""

    targets: list[dict[str, Any]] = field(default_factory=list)
    interval: float = 0.1
    timeout: float = 0.08
    state: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    reports: list[dict[str, Any]] = field(default_factory=list)
    joins: list[dict[str, Any]] = field(default_factory=list)
    # What is granted: as by a remediator of before, or nothing, where the newcomer's own is taken.
    grants: str = TOKEN
    states_sent: int = 0
    url: str = ""
    _runner: web.AppRunner | None = None
    _asked: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.post("/internal/join", self._join),
                web.post("/internal/probes", self._probes),
                web.get("/internal/state", self._state),
                web.get("/healthz", self._healthz),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def wait_for(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Until ``condition`` holds, looked at after each report. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._asked:
            await self._asked.wait_for(condition)

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _join(self, request: web.Request) -> web.Response:
        ask = await request.json()
        self.joins.append(ask)
        if ask["token"] != JOIN_TOKEN:
            return web.Response(status=403, text="no such token")
        return web.json_response({"token": self.grants})

    def _knows(self, header: str) -> bool:
        token = header.removeprefix("Bearer ")
        offered = {join.get("token_digest") for join in self.joins}
        return token == TOKEN or hashlib.sha256(token.encode()).hexdigest() in offered

    async def _probes(self, request: web.Request) -> web.Response:
        if not self._knows(request.headers.get("Authorization", "")):
            return web.Response(status=401)
        self.reports.append(await request.json())
        async with self._asked:
            self._asked.notify_all()
        assignment = {"targets": self.targets, "interval_seconds": self.interval, "timeout_seconds": self.timeout}
        return web.json_response(assignment, status=self.status)

    async def _state(self, request: web.Request) -> web.Response:
        if request.query.get("since") == str(self.state.get("sequence")):
            return web.json_response({"sequence": self.state["sequence"], "unchanged": True})
        self.states_sent += 1
        return web.json_response({"unchanged": False, **self.state}, status=self.status)
