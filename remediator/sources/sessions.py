"""How the store is spoken to: a session a thread, a token read anew each time, and errors in words for people."""

import threading
from pathlib import Path
from urllib.parse import urlsplit

import requests


class Sessions:
    """One session for each thread, for they are not shared safely."""

    def __init__(self) -> None:
        self._local = threading.local()

    def mine(self) -> requests.Session:
        """This thread's; proxies and .netrc of the environment have no say in where alerts come from."""
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.trust_env = False
            self._local.session = session
        found: requests.Session = self._local.session
        return found


def bearer_headers(token_file: Path | None) -> dict[str, str]:
    """The header with the file's token, none without a file; raises OSError."""
    if token_file is None:
        return {}
    return {"Authorization": f"Bearer {token_file.read_text('ascii').strip()}"}


def store_place(url: str) -> str:
    """The store's host and port: what messages may name of an address."""
    parts = urlsplit(url)
    return f"store {parts.hostname}:{parts.port}" if parts.port else f"store {parts.hostname}"


def failure(error: requests.RequestException) -> str:
    """What went wrong before there was an answer, without the address."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return f"request failed ({type(error).__name__})"
