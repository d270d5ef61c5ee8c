"""What the web configuration asks of each request: rate, client's name, user."""

import asyncio
import ssl
from collections.abc import Mapping

from aiohttp import web
from aiohttp.hdrs import AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE

from exporter.web.answers import plain
from exporter.web.config import WebConfig
from exporter.web.limiter import Limiter
from exporter.web.live import LiveConfig
from exporter.web.tls import names_of
from exporter.web.users import Passwords, TooBusy, parse_credentials


class Guard:
    """Stands before every page."""

    def __init__(self, live: LiveConfig) -> None:
        self.live = live
        self._passwords = Passwords()
        self._limiter: Limiter | None = None

    async def choose_context(self) -> ssl.SSLContext | None:
        """The TLS context for a new connection; None for plain HTTP."""
        return (await self.live.newest()).context

    async def refuse(self, request: web.BaseRequest) -> tuple[web.Response | None, Mapping[str, str]]:
        """The answer to one that may not go on, or None; and the headers for every answer."""
        config = (await self.live.newest()).config
        if not self._limit(config).allow(asyncio.get_running_loop().time()):
            return plain(429, "Too Many Requests"), config.headers
        if not may_connect(config, request):
            return plain(403, "The client's certificate has none of the allowed names"), config.headers
        return await self._refuse_user(config, request), config.headers

    def _limit(self, config: WebConfig) -> Limiter:
        if self._limiter is None or self._limiter.limit != config.limit:
            self._limiter = Limiter(config.limit, asyncio.get_running_loop().time())
        return self._limiter

    async def _refuse_user(self, config: WebConfig, request: web.BaseRequest) -> web.Response | None:
        if not config.users:
            return None
        credentials = parse_credentials(request.headers.get(AUTHORIZATION, ""))
        try:
            if credentials and await self._passwords.allow(config.users, credentials):
                return None
        except TooBusy:
            return plain(503, "Too many passwords to check, try again later", {RETRY_AFTER: "1"})
        return plain(401, "Unauthorized", {WWW_AUTHENTICATE: 'Basic realm="fleetmend-exporter"'})


def may_connect(config: WebConfig, request: web.BaseRequest) -> bool:
    """Whether the client's certificate has one of the names, if only some are allowed."""
    if config.tls is None or config.tls.client_allowed_sans is None:
        return True
    certificate = request.get_extra_info("peercert") or {}
    return not names_of(certificate).isdisjoint(config.tls.client_allowed_sans)
