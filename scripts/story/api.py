"""A client of the Machines API as the demo's users would write one: it repeats what failed on the way."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=40, connect=1)
_QUICK = aiohttp.ClientTimeout(total=0.8)
Json = Any


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json
    retry_after: int = 0


class Api:
    """One session; reads are repeated while the remediator is away, writes are repeated by name."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: Callable[[], str]) -> None:
        self._session = session
        self._url = url
        self._token = token

    async def ask(self, method: str, path: str, body: Json = None) -> Answer:
        """One try. Raises aiohttp.ClientError or TimeoutError when nobody answers."""
        headers = self._headers()
        url = self._url + path
        async with self._session.request(method, url, json=body, headers=headers, timeout=_TIMEOUT) as answer:
            told = await answer.json(content_type=None) if answer.content_length != 0 else None
            return Answer(answer.status, told, int(answer.headers.get("Retry-After", "0")))

    def _headers(self) -> dict[str, str]:
        try:
            return {"Authorization": f"Bearer {self._token()}"}
        except FileNotFoundError:
            # The remediator makes it at its first start; what needs none is answered without.
            return {}

    async def get(self, path: str) -> Json:
        """A read, repeated until it succeeds."""
        while True:
            try:
                answer = await self.ask("GET", path)
                if answer.status == 200:
                    return answer.body
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.1)

    async def status(self) -> Json:
        return await self.get("/v1/status")

    async def host(self, name: str) -> Json:
        hosts = (await self.status())["hosts"]
        return next((host for host in hosts if host["name"] == name), {"name": name, "status": "", "life": ""})

    async def machines(self, app: str) -> list[Json]:
        found: list[Json] = await self.get(f"/v1/apps/{app}/machines")
        return found

    async def create(self, app: str, name: str, region: str, config: Json) -> Json:
        """Create a machine; refusals for lack of room and broken connections are repeated under the same name."""
        body = {"name": name, "region": region, "config": config}
        while True:
            try:
                answer = await self.ask("POST", f"/v1/apps/{app}/machines", body)
                if answer.status == 200:
                    return answer.body
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.5)
            known = [m for m in await self.machines(app) if m["name"] == name and m["state"] != "destroyed"]
            if known:
                return known[0]

    async def answers(self, url: str, expected: str) -> bool:
        """Whether a machine answers with its name."""
        try:
            async with self._session.get(url, timeout=_QUICK) as answer:
                return expected in await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


async def until(true: Callable[[], Awaitable[Any]], seconds: float, what: str, every: float = 0.1) -> Any:
    """Ask until the answer is true; the answer. Raises ``NotSeen`` after that many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        answer = await true()
        if answer:
            return answer
        await asyncio.sleep(every)
    raise NotSeen(f"not seen within {seconds:.0f} s: {what}")


class NotSeen(Exception):
    """Something that the story promises did not happen."""
