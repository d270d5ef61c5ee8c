"""Which page answers which path."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from exporter.errors import BadStart
from exporter.web.answers import html, plain
from exporter.web.flags import WebSettings
from exporter.web.landing import build_landing
from exporter.web.scrape import Scrapes, Source
from exporter.workers import Workers

if TYPE_CHECKING:
    from exporter.web.guard import Guard

Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Pages:
    """Answers requests; ``guard`` stands before all of them, and is None without a web configuration."""

    def __init__(
        self,
        settings: WebSettings,
        modules: Sequence[str],
        source: Source,
        workers: Workers,
        guard: "Guard | None" = None,
    ) -> None:
        self._settings = settings
        self._modules = modules
        self._source = source
        self.guard = guard
        self._scrapes = Scrapes(source, settings.max_requests, workers)
        # Where the metrics are at /, there is no landing page.
        self._answers: dict[str, Answer] = {
            "/": self._landing,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            settings.path: self._scrapes.answer,
        }

    def add(self, answers: Mapping[str, Answer]) -> None:
        """Pages of a module's own, by their path. Raises BadStart for one that is taken."""
        for path in answers.keys() & self._answers.keys():
            raise BadStart(f"--web.telemetry-path: {path} is another page")
        self._answers |= answers

    async def answer(self, request: web.BaseRequest) -> web.Response:
        if self.guard is None:
            return await self._answer(request)
        refused, headers = await self.guard.refuse(request)
        response = refused or await self._answer(request)
        response.headers.update(headers)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        answer = self._answers.get(request.path)
        if answer is None:
            return plain(404, "Not Found")
        if request.method not in {"GET", "HEAD"}:
            return plain(405, "Method Not Allowed", {"Allow": "GET, HEAD"})
        return await answer(request)

    async def _landing(self, _request: web.BaseRequest) -> web.Response:
        return html(
            build_landing(self._modules, self._settings.path, self._answers, self._source, self._scrapes.last_states)
        )

    async def _healthz(self, _request: web.BaseRequest) -> web.Response:
        return plain(200, "ok")

    async def _readyz(self, _request: web.BaseRequest) -> web.Response:
        """Ready with an older web configuration too: taking the page away would help nobody."""
        broken = self.guard.live.broken if self.guard else ""
        return plain(
            200, f"ready\ndegraded: web configuration, an older one is in force\n{broken}" if broken else "ready"
        )
