"""The door of one of several remediators: it passes each request on to whoever leads the shard that it is about.

``/shards/NAME/…`` is about that shard alone. Without it, what names a region, or anything that one shard knows, is
that shard's; reads of all else are answered from all shards together, and writes go to all of them.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import aiohttp
import msgspec
from aiohttp import web

from remediator.api.answers import RETRY_SECONDS, Handler, answer, answer_errors, problem
from remediator.api.requests import Endpoint
from remediator.api.shards.follower import Handlers
from remediator.api.shards.merging import merged, metrics_of
from remediator.api.shards.mounts import Mount, Passed
from remediator.api.tenants.audit import EVERY, HEADER, new_request_id

log = logging.getLogger("fleetmend.front")
FORWARDED = "Fleetmend-Forwarded"
_PREFIX = "/shards/"
# Every shard's: what is told to all, whatever it names.
_ALL = ("/api/v2/", "/v1/freeze", "/-/reload", "/v1/tokens")
_TOKENS = "/v1/tokens"
_KEPT = ("Content-Type", "Retry-After", "Allow", "Cache-Control", "Location", "WWW-Authenticate", HEADER)
_SECONDS = 5.0
_DROPPED = frozenset({"host", "content-length", "transfer-encoding", "connection", "fleetmend-onlooker"})


class Roll(Protocol):
    """Who leads what."""

    @property
    def holder(self) -> str: ...

    def leader_of(self, shard: str) -> str: ...

    def url_of(self, shard: str) -> str: ...


class Front:
    """``regions`` gives each shard's; one shard without any is the whole fleet, and nothing is looked into then."""

    def __init__(self, regions: Mapping[str, Sequence[str]], roll: Roll, session: aiohttp.ClientSession) -> None:
        self._homes = {region: shard for shard, within in regions.items() for region in within}
        self._shards = tuple(regions)
        self._roll = roll
        self._session = session
        self.mounts: dict[str, Mount] = {}
        # Told a freeze that was accepted here.
        self.frozen: Callable[[Mapping[str, Any]], Awaitable[None]] = _untold
        # What another remediator is told of whom a request is passed on for.
        self.passing: Callable[[web.Request], Mapping[str, str]] = lambda _: {}
        # By shard, what answers agents and probers, and a freeze, while we do not lead it.
        self._followers: dict[str, Handlers] = {}
        self._sessions: dict[str, Mount] = {}

    def follow(self, shard: str, handlers: Handlers) -> None:
        """Another leads that shard from now on."""
        self._followers[shard], self._sessions[shard] = handlers, Mount(shard)

    async def lead(self, mount: Mount) -> None:
        """That shard is led here from now on: whoever spoke to us as to one who waits dials anew."""
        self.mounts[mount.shard] = mount
        if waited := self._sessions.pop(mount.shard, None):
            await waited.close()

    async def leave(self, mount: Mount) -> None:
        """That shard is led here no more."""
        self.mounts.pop(mount.shard, None)
        await mount.close()

    @property
    def _alone(self) -> bool:
        return len(self._shards) == 1

    def public_app(self, largest: int) -> web.Application:
        return self._app([Endpoint("*", "/{path:.*}", self._public)], largest)

    def fleet_app(self, largest: int) -> web.Application:
        return self._app([Endpoint("*", "/{path:.*}", self._fleet)], largest)

    def _app(self, endpoints: list[Endpoint], largest: int) -> web.Application:
        app = web.Application(client_max_size=largest)
        for each in endpoints:
            # Not as a middleware: aiohttp would resolve the request for this application, once and for all.
            app.router.add_route(each.method, each.path, partial(_marked, handler=each.handler))
        return app

    async def _fleet(self, request: web.Request) -> web.StreamResponse:
        """Agents say their region where they dial, newcomers and probers in what they send."""
        if request.path == "/healthz":
            return web.Response(text="ok")
        asked = Passed(request) if self._alone or request.method == "GET" else await Passed.of(request)
        region = request.query.get("region", "") or str(asked.document.get("region", ""))
        shard = self._shards[0] if self._alone else self._homes.get(region, "")
        if not shard:
            return problem(421, "say which region this is: no shard is named for it", "unprocessable")
        mount = self.mounts.get(shard)
        return await mount.answer("fleet_listen", asked.fresh()) if mount else await self._following(shard, asked)

    async def _following(self, shard: str, asked: Passed) -> web.StreamResponse:
        own = self._followers.get(shard, {}).get((asked.request.method, asked.request.path))
        waiting = self._sessions.get(shard)
        return await waiting.holding(own(asked.fresh())) if own and waiting else self._elsewhere(shard)

    def _elsewhere(self, shard: str) -> web.Response:
        told = f"{self._roll.holder} follows; {self._roll.leader_of(shard) or 'nobody yet'} leads"
        return problem(503, told if self._alone else f"{told} {shard}", "unavailable", retry_after=RETRY_SECONDS)

    async def _public(self, request: web.Request) -> web.StreamResponse:
        freezing = request.path == "/v1/freeze" and request.method == "POST"
        asked = Passed(request) if self._alone and not freezing else await Passed.of(request)
        found = await self._answered(asked)
        if freezing and found.status == 200:
            await self.frozen(asked.document)
        return found

    async def _answered(self, asked: Passed) -> web.StreamResponse:
        request = asked.request
        if self._alone:
            mount = self.mounts.get(self._shards[0])
            return await mount.answer("listen", asked.fresh()) if mount else await self._waiting(asked)
        if request.path.startswith(_PREFIX):
            return await self._named(asked)
        if special := await self._special(asked):
            return special
        return await (self._read(asked) if request.method in ("GET", "HEAD") else self._written(asked))

    async def _waiting(self, asked: Passed) -> web.StreamResponse:
        """The whole fleet is led by another."""
        request = asked.request
        shard = self._shards[0]
        if request.path == "/healthz":
            return web.Response(text="ok")
        if request.path == "/metrics":
            return _page(_leading({}))
        if request.path == "/readyz":
            told = f"{self._roll.holder} follows; {self._roll.leader_of(shard) or 'nobody yet'} leads"
            return answer({"ready": False, "reasons": [told]}, 503)
        return await self._following(shard, asked)

    async def _special(self, asked: Passed) -> web.StreamResponse | None:
        match asked.request.path:
            case "/healthz":
                return web.Response(text="ok")
            case "/metrics":
                return _page(await self._metrics(asked))
            case "/readyz":
                return await self._ready(asked)
            case "/v1/shards":
                return answer([self._standing(shard) for shard in self._shards])
            case _:
                return None

    def _standing(self, shard: str) -> dict[str, Any]:
        regions = sorted(region for region, home in self._homes.items() if home == shard)
        here = shard in self.mounts
        known = {"leader": self._roll.leader_of(shard), "url": self._roll.url_of(shard), "here": here}
        return {"shard": shard, "regions": regions, **known}

    async def _metrics(self, asked: Passed) -> str:
        pages = {}
        for shard, mount in sorted(self.mounts.items()):
            body = _body(await mount.answer("listen", asked.fresh()))
            pages[shard] = body.decode()
        return metrics_of(pages) + _leading({shard: shard in self.mounts for shard in self._shards})

    async def _ready(self, asked: Passed) -> web.Response:
        """Ready where any shard is led here, and every shard that is led here is ready."""
        documents = [_json(await mount.answer("listen", asked.fresh())) for _, mount in sorted(self.mounts.items())]
        whole = merged(documents) or {"ready": False, "reasons": [f"{self._roll.holder} leads no shard"]}
        ready = bool(documents) and all(each.get("ready") for each in documents)
        standing = {shard: self._roll.leader_of(shard) for shard in self._shards}
        return answer({**whole, "ready": ready, "shards": standing}, 200 if ready else 503)

    async def _named(self, asked: Passed) -> web.StreamResponse:
        """``/shards/NAME/…``: as the shard's leader answers, wherever that is."""
        shard, _, rest = asked.request.path_qs.removeprefix(_PREFIX).partition("/")
        if shard not in self._shards:
            return problem(404, f"not_found: there is no shard {shard!r}", "not_found")
        mount = self.mounts.get(shard)
        if mount is not None:
            return await mount.answer("listen", asked.fresh(f"/{rest}"))
        return await self._passed(shard, asked, f"/{rest}")

    async def _passed(self, shard: str, asked: Passed, path: str) -> web.StreamResponse:
        """Asked of whoever leads it; once only, for who leads may have changed on the way."""
        url, request = self._roll.url_of(shard), asked.request
        if not url or FORWARDED in request.headers:
            return await self._following(shard, asked) if path == request.path_qs else self._elsewhere(shard)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _DROPPED}
        headers |= {FORWARDED: self._roll.holder, **self.passing(request)}
        try:
            async with self._session.request(
                request.method, f"{url}{_PREFIX}{shard}{path}", data=asked.body, headers=headers,
                timeout=aiohttp.ClientTimeout(total=_SECONDS), allow_redirects=False,
            ) as found:  # fmt: skip
                kept = {key: found.headers[key] for key in _KEPT if key in found.headers}
                return web.Response(body=await found.read(), status=found.status, headers=kept)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return self._elsewhere(shard)

    async def _each(self, asked: Passed, shards: Sequence[str]) -> dict[str, web.StreamResponse]:
        """That request to each of these shards, those that are led here first."""
        found: dict[str, web.StreamResponse] = {}
        for shard in sorted(shards, key=lambda each: each not in self.mounts):
            mount = self.mounts.get(shard)
            if mount is None:
                found[shard] = await self._passed(shard, asked, asked.request.path_qs)
            else:
                found[shard] = await mount.answer("listen", asked.fresh())
        return found

    async def _read(self, asked: Passed) -> web.StreamResponse:
        """From all shards. A list is whole or there is none: what is missing would look as if it were lost."""
        found = await self._each(asked, self._shards)
        good = [each for each in found.values() if each.status == 200]
        if not good:
            return _most_telling(found.values())
        if any(not _is_json(each) for each in good):
            return good[0]
        documents = [_json(each) for each in good]
        away = [shard for shard, each in found.items() if each.status >= 500]
        if away and isinstance(documents[0], list):
            return self._elsewhere(away[0])
        # One of the requests that it has become; clients show it.
        return answer(merged(documents), headers={HEADER: good[0].headers.get(HEADER, "")})

    async def _written(self, asked: Passed) -> web.StreamResponse:
        """To the shard whose region is named, to those that know what is named, or to all."""
        request, body = asked.request, asked.document
        if request.path == "/v1/join-tokens" and str(body.get("region", "")) not in self._homes:
            return problem(400, "invalid request: region: say in which region it is to join", "invalid")
        if request.path == _TOKENS or (request.method == "DELETE" and request.path.startswith(f"{_TOKENS}/")):
            return await self._everywhere(asked)
        found = await self._each(asked, self._meant(request, body))
        good = [each for each in found.values() if each.status < 300]
        return good[0] if good else _most_telling(found.values())

    async def _everywhere(self, asked: Passed) -> web.StreamResponse:
        """A token is in every shard's journal or told of as not made; asked again, what was missed is made good."""
        making = asked.request.method == "POST"
        if making and not asked.document.get("digest"):
            # Each shard would make a secret of its own.
            text = "digest: is needed where several shards are led; `fleetmend token create` sends it"
            return problem(400, f"invalid request: {text}", "invalid")
        nowhere = [shard for shard in self._shards if shard not in self.mounts and not self._roll.url_of(shard)]
        if making and nowhere:
            return self._elsewhere(nowhere[0])
        found = await self._each(asked, self._shards)
        good = [each for each in found.values() if each.status < 300]
        wrong = [each for each in found.values() if each.status >= 300 and (making or each.status != 404)]
        return good[0] if good and not wrong else _most_telling(wrong or found.values())

    def _meant(self, request: web.Request, body: Mapping[str, Any]) -> Sequence[str]:
        region = str(body.get("region", ""))
        if region in self._homes:
            return [self._homes[region]]
        if request.path.startswith(_ALL):
            return self._shards
        words = {*_leaves(body), *request.path.strip("/").split("/")}
        known = [shard for shard, mount in self.mounts.items() if any(mount.knows(word) for word in words)]
        return known or self._shards


async def _marked(request: web.Request, handler: Handler) -> web.StreamResponse:
    """As it is answered behind the door, or by the door itself; each answer has a name, which clients show."""
    found = await answer_errors(request, handler)
    if not found.prepared and not found.headers.get(HEADER):
        found.headers.update({**EVERY, HEADER: new_request_id()})
    return found


async def _untold(_: Mapping[str, Any]) -> None:
    """Nobody else is there to be told."""


def _most_telling(found: Any) -> web.StreamResponse:
    """Who knows nothing of it says least; a shard that nobody leads might know."""
    answers: list[web.StreamResponse] = list(found)
    return min(answers, key=lambda each: (each.status == 404, each.status == 503))


def _leading(shards: Mapping[str, bool]) -> str:
    head = "# HELP fleetmend_leader Whether this remediator leads.\n# TYPE fleetmend_leader gauge\n"
    rows = [f'fleetmend_leader{{shard="{shard}"}} {int(leads)}\n' for shard, leads in shards.items()]
    return head + ("".join(rows) or "fleetmend_leader 0\n")


def _page(text: str) -> web.Response:
    return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _body(found: web.StreamResponse) -> bytes:
    body = found.body if isinstance(found, web.Response) else b""
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def _is_json(found: web.StreamResponse) -> bool:
    return found.content_type == "application/json" and bool(_body(found))


def _json(found: web.StreamResponse) -> Any:
    return msgspec.json.decode(_body(found))


def _leaves(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
