"""An Alertmanager: alerts are posted to its API v2, in JSON that was made elsewhere."""

import asyncio
from urllib.parse import urlsplit

import aiohttp

from remediator.model.errors import PermanentError, TransientError
from remediator.settings import Endpoint

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_WORDS = 200


class Alertmanager:
    """``post`` answers when the alerts are taken; ``place`` is HOST:PORT, for people and metrics."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: Endpoint) -> None:
        self._session = session
        self._url = f"{endpoint.url}/api/v2/alerts"
        self._token_file = endpoint.token_file
        self.place = urlsplit(endpoint.url).netloc

    async def post(self, body: bytes) -> None:
        """A JSON array of alerts.

        Raises:
            TransientError: it may be told again, the same way.
            PermanentError: it will never take these.
        """
        try:
            headers = {"Content-Type": "application/json", **await self._authorisation()}
            # A redirect would carry the token to wherever it points.
            sent = self._session.post(self._url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
            async with sent as answer:
                if not 200 <= answer.status < 300:
                    _refused(answer.status, (await answer.content.read(_WORDS)).decode(errors="replace"))
        except TimeoutError as error:
            raise TransientError("no answer in time") from error
        except aiohttp.ClientError as error:
            raise TransientError(f"cannot be reached ({type(error).__name__})") from error
        except OSError as error:
            raise TransientError(f"token file {self._token_file}: {error.strerror}") from error

    async def _authorisation(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        token = await asyncio.to_thread(self._token_file.read_text, "ascii")
        return {"Authorization": f"Bearer {token.strip()}"}


def _refused(status: int, said: str) -> None:
    text = f"HTTP {status}: {' '.join(said.split())}"
    if status in (408, 425, 429) or status >= 500:
        raise TransientError(text)
    raise PermanentError(text)
