"""The driver of a host provider: one HTTP request a burst, and one a host given back, with its idempotency key."""

from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation
from remediator.settings import Endpoint

_TIMEOUT = aiohttp.ClientTimeout(total=15)
_TAKEN, _GONE = (200, 202, 204), (404, 410)


class ProviderDriver:
    """``POST {url}/v1/hosts`` with region, count, shape and one join token a host; the answer names the hosts.

    ``DELETE {url}/v1/hosts/{name}`` gives one back; ``found`` is false where the provider knows none of that name.
    """

    def __init__(self, session: aiohttp.ClientSession, place: Endpoint | None) -> None:
        self._session = session
        self._place = place

    async def perform(self, operation: Operation) -> dict[str, Any]:
        if self._place is None:
            raise PermanentError("no provider is configured: set provider.url")
        url = f"{self._place.url}/v1/hosts"
        try:
            headers = {"Idempotency-Key": operation.key, "Authorization": f"Bearer {_token(self._place)}"}
            if operation.verb == "give_back":
                return await self._give_back(f"{url}/{quote(operation.args['host'], safe='')}", headers)
            async with self._session.post(url, json=operation.args, headers=headers, timeout=_TIMEOUT) as answer:
                return await _answered(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"provider: {type(error).__name__}") from error

    async def _give_back(self, url: str, headers: dict[str, str]) -> dict[str, Any]:
        async with self._session.delete(url, headers=headers, timeout=_TIMEOUT) as answer:
            if answer.status in _GONE:
                return {"found": False}
            if answer.status not in _TAKEN:
                raise _failure(answer.status)
            return {"found": True}


def _token(place: Endpoint) -> str:
    return place.token_file.read_text(encoding="utf-8").strip() if place.token_file else ""


async def _answered(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    if answer.status in (200, 201, 202):
        return _value(await answer.read())
    raise _failure(answer.status)


def _failure(status: int) -> TransientError | PermanentError:
    if status in (408, 429) or status >= 500:
        return TransientError(f"provider answered {status}")
    return PermanentError(f"provider answered {status}")


def _value(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TransientError("provider answered something that is no JSON object") from error
