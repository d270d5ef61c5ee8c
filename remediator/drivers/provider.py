"""The driver of a host provider: one HTTP request a burst, with its idempotency key."""

from typing import Any

import aiohttp
import msgspec

from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation
from remediator.settings import Endpoint

_TIMEOUT = aiohttp.ClientTimeout(total=15)


class ProviderDriver:
    """``POST {url}/v1/hosts`` with region, count, shape and one join token a host; the answer names the hosts."""

    def __init__(self, session: aiohttp.ClientSession, place: Endpoint | None) -> None:
        self._session = session
        self._place = place

    async def perform(self, operation: Operation) -> dict[str, Any]:
        if self._place is None:
            raise PermanentError("no provider is configured: set provider.url")
        url = f"{self._place.url}/v1/hosts"
        try:
            headers = {"Idempotency-Key": operation.key, "Authorization": f"Bearer {_token(self._place)}"}
            async with self._session.post(url, json=operation.args, headers=headers, timeout=_TIMEOUT) as answer:
                return await _answered(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"provider: {type(error).__name__}") from error


def _token(place: Endpoint) -> str:
    return place.token_file.read_text(encoding="utf-8").strip() if place.token_file else ""


async def _answered(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    if answer.status in (200, 201, 202):
        return _value(await answer.text())
    if answer.status in (408, 429) or answer.status >= 500:
        raise TransientError(f"provider answered {answer.status}")
    raise PermanentError(f"provider answered {answer.status}")


def _value(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise TransientError("provider answered something that is no JSON object") from error
