"""The driver of webhooks: one POST an operation, with its idempotency key; at least once."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from remediator.model.errors import PermanentError, TransientError, UncertainError
from remediator.model.request import Operation
from remediator.settings import Endpoint

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class WebhookDriver:
    """``POST {url}`` with the operation's arguments as JSON; any 2xx is done, and the answer's body is not read.

    The key is in ``Idempotency-Key``: a receiver that knows it has had the call before.
    """

    def __init__(self, session: aiohttp.ClientSession, places: Mapping[str, Endpoint]) -> None:
        self._session = session
        self._places = places

    async def perform(self, operation: Operation) -> dict[str, Any]:
        name = operation.args["to"]
        place = self._places.get(name)
        if place is None:
            raise PermanentError(f"no webhook {name!r} is configured: set webhooks.{name}.url")
        try:
            headers = _headers(operation, place)
            # A redirect would carry the token to wherever it points.
            async with self._session.post(
                place.url, json=operation.args, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                return _judged(answer.status)
        except aiohttp.ClientConnectorError as error:
            # Nobody was reached, so nobody was told.
            raise TransientError(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UncertainError(type(error).__name__) from error

    async def observed(self, operation: Operation) -> bool | None:
        """Whether the receiver says that it has had this key; None where it cannot be asked."""
        place = self._places.get(operation.args["to"])
        if place is None or not place.observe:
            return None
        try:
            async with self._session.get(
                place.observe, headers=_headers(operation, place), timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                return _had(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UncertainError(f"{type(error).__name__} when asked whether it has had the call") from error


def _had(status: int) -> bool:
    if status in (200, 404):
        return status == 200
    raise UncertainError(f"it answered {status} when asked whether it has had the call")


def _headers(operation: Operation, place: Endpoint) -> dict[str, str]:
    # The key holds the target's name, which may be any text that a label can hold.
    headers = {"Idempotency-Key": quote(operation.key, safe=":/.-_")}
    if place.token_file:
        headers["Authorization"] = f"Bearer {place.token_file.read_text(encoding='utf-8').strip()}"
    return headers


def _judged(status: int) -> dict[str, Any]:
    if 200 <= status < 300:
        return {}
    if status in (502, 504):
        # Whoever stands between us and the receiver does not know either.
        raise UncertainError(f"it answered {status}")
    if status in (408, 425, 429) or status >= 500:
        raise TransientError(f"it answered {status}")
    raise PermanentError(f"it answered {status}")
