"""Applications behind the door: one shard's, and a request as each of them gets it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from remediator.api.answers import RETRY_SECONDS, problem


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that may be answered by several applications, each of which reads it as if it had come to it."""

    request: web.Request
    body: bytes | None = None

    @staticmethod
    async def of(request: web.Request) -> "Passed":
        """With its body, where more than one may want that."""
        blank = request.clone()
        return Passed(blank, await request.read())

    @property
    def document(self) -> dict[str, Any]:
        return _object(self.body or b"")

    def fresh(self, path: str = "") -> web.Request:
        found = self.request.clone(rel_url=path) if path else self.request.clone()
        if self.body is not None:
            # There is no other way: a body that was read is gone from the request.
            found._payload = _payload(self.request, self.body)  # noqa: SLF001
        return found


def _payload(request: web.Request, body: bytes) -> aiohttp.StreamReader:
    payload = aiohttp.StreamReader(request.protocol, len(body) + 1, loop=asyncio.get_running_loop())
    payload.feed_data(body)
    payload.feed_eof()
    return payload


@dataclass
class Mount:
    """A shard that is led here: its two applications, and whether it knows a word."""

    shard: str
    apps: dict[str, web.AppRunner] = field(default_factory=dict)
    knows: Callable[[str], bool] = lambda _: False
    tasks: set["asyncio.Task[Any]"] = field(default_factory=set)

    async def answer(self, key: str, request: web.Request) -> web.StreamResponse:
        """As the shard's own application answers; ends with the shard's stint."""
        server = self.apps[key].server
        if server is None:
            return problem(503, "not yet listening", "unavailable", retry_after=RETRY_SECONDS)
        return await self.holding(server.request_handler(request))

    async def holding(self, answering: Awaitable[Any]) -> web.StreamResponse:
        """That answer, for as long as this lasts."""
        task = asyncio.current_task()
        self.tasks |= {task} if task else set()
        try:
            found: web.StreamResponse = await answering
            return found
        finally:
            self.tasks -= {task} if task else set()

    async def close(self) -> None:
        """Long sessions end: whoever had one dials again, and finds who leads."""
        tasks = self.tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _object(body: bytes) -> dict[str, Any]:
    """What is no JSON object names nothing; who it is for will say what is wrong with it."""
    try:
        found = msgspec.json.decode(body) if body else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
