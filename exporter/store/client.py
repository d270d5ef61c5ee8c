"""Asks a store over HTTP; a call may take its timeout and more, so its thread must be one that can be abandoned."""

from pathlib import Path

import requests
from urllib3.exceptions import HTTPError

from exporter.store.answers import NoAnswer, Reason

# A store's own page has some hundred kilobytes; what has no end is no answer.
LARGEST_BODY = 8 * 1024 * 1024
CHUNK = 64 * 1024


class Client:
    """One connection that is kept open, for one thread at a time."""

    def __init__(self, timeout: float, token_file: Path | None = None) -> None:
        self._timeout = timeout
        self._token_file = token_file
        self._session = requests.Session()
        # Neither proxies nor passwords that the surroundings may name.
        self._session.trust_env = False

    def get(self, url: str, query: dict[str, str] | None = None) -> bytes:
        """The body of a 200. Raises NoAnswer; OSError if the token cannot be read."""
        headers = {"Authorization": f"Bearer {self._token_file.read_text().strip()}"} if self._token_file else None
        try:
            with self._session.get(
                url, params=query, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                if response.status_code != requests.codes.ok:
                    raise NoAnswer(Reason.HTTP)
                return self._body(response)
        except requests.Timeout:
            raise NoAnswer(Reason.TIMEOUT) from None
        except (requests.RequestException, HTTPError) as error:
            raise NoAnswer(reason_of(error)) from None

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) > LARGEST_BODY:
                raise NoAnswer(Reason.GARBAGE)
        return bytes(body)


def reason_of(error: Exception) -> Reason:
    """Of what is neither a late answer nor a whole one."""
    if isinstance(error, requests.ConnectionError):
        # A body that stops coming is reported as a lost connection, too.
        return Reason.TIMEOUT if "timed out" in str(error).lower() else Reason.UNREACHABLE
    return Reason.GARBAGE
