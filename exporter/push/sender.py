"""One request to the store: who we are, what it answered, and never longer than its time."""

import asyncio
import logging
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path

import requests
from requests.auth import HTTPBasicAuth

from exporter.checks import hide_password
from exporter.clock import Clock
from exporter.push.backoff import parse_retry_after
from exporter.push.flags import Access, PushSettings
from exporter.push.formats import Body, Format
from exporter.push.meters import Failure
from exporter.push.page import Page
from exporter.workers import Workers

log = logging.getLogger(__name__)

TOO_MANY_REQUESTS = 429
Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]
BROKEN = (EOFError, OSError, ValueError, zlib.error)


class Push(Enum):
    """What came of one push, by what is done next."""

    DONE = "done"
    AGAIN = "again"  # the store is away or overloaded
    REFUSED = "refused"  # the store will say the same to the same page


@dataclass(frozen=True, slots=True)
class Outcome:
    """``samples`` that were taken; ``asked`` is how many seconds the store wants to be left alone."""

    push: Push
    samples: int = 0
    failure: Failure | None = None
    asked: float = 0.0
    text: str = ""


def classify_status(status: int) -> tuple[Push, Failure | None]:
    if 200 <= status < 300:
        return Push.DONE, None
    if status == TOO_MANY_REQUESTS:
        return Push.AGAIN, Failure.OVERLOADED
    return (Push.AGAIN, Failure.SERVER_ERROR) if status >= 500 else (Push.REFUSED, Failure.REFUSED)


class Client:
    """Speaks to the store; blocks. Files with secrets are read for each push, certificates when they have changed."""

    def __init__(self, settings: PushSettings, form: Format, clock: Clock) -> None:
        self.url = form.url(settings.url)
        self._form = form
        self._access = settings.access
        self._clock = clock
        self._session = requests.Session()
        self._stamps: list[tuple[int, int]] = []

    def post(self, page: Page, seconds: float) -> Outcome:
        """No longer than some multiple of ``seconds``: for connecting, and for each part of the answer."""
        try:
            body = self._form.encode(page)
        except BROKEN:
            return Outcome(Push.REFUSED, failure=Failure.REFUSED, text="a page is broken")
        try:
            self._renew_session()
            headers, auth = read_headers(self._access), read_auth(self._access)
        except (OSError, ValueError) as error:
            return Outcome(Push.AGAIN, failure=Failure.CREDENTIALS, text=f"credentials: {type(error).__name__}")
        return self._post(replace(body, headers=body.headers | headers), auth, seconds)

    def close(self) -> None:
        self._session.close()

    def _post(self, body: Body, auth: Auth | None, seconds: float) -> Outcome:
        access = self._access
        certificate = (str(access.certificate), str(access.key or access.certificate)) if access.certificate else None
        try:
            with self._session.post(
                self.url,
                params=body.params,
                data=body.data,
                headers=body.headers,
                auth=auth,
                timeout=seconds,
                # A redirected POST would become a GET.
                allow_redirects=False,
                verify=str(access.ca) if access.ca else True,
                cert=certificate,
            ) as answer:
                return self._outcome(answer, body.samples)
        except requests.Timeout as error:
            return Outcome(Push.AGAIN, failure=Failure.TIMEOUT, text=f"cannot reach it ({type(error).__name__})")
        # ValueError: a header that cannot be one.
        except (requests.RequestException, OSError, ValueError) as error:
            return Outcome(Push.AGAIN, failure=Failure.CONNECTION, text=f"cannot reach it ({type(error).__name__})")

    def _outcome(self, answer: requests.Response, samples: int) -> Outcome:
        push, failure = classify_status(answer.status_code)
        if push is Push.DONE:
            return Outcome(push, samples)
        asked = parse_retry_after(answer.headers.get("Retry-After", ""), self._clock.now())
        return Outcome(push, failure=failure, asked=asked, text=f"it answered {answer.status_code}")

    def _renew_session(self) -> None:
        """A session keeps connections, and with them the certificates that they were made with."""
        stamps = [stamp(path) for path in (self._access.ca, self._access.certificate, self._access.key) if path]
        if stamps != self._stamps:
            self._session.close()
            self._session, self._stamps = requests.Session(), stamps


def stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is replaced or rewritten."""
    status = path.stat()
    return status.st_mtime_ns, status.st_ino


def read_headers(access: Access) -> dict[str, str]:
    """``NAME: VALUE`` lines, and a bearer token. Raises OSError or ValueError."""
    headers: dict[str, str] = {}
    for line in access.headers.read_text().splitlines() if access.headers else ():
        name, _, value = line.partition(":")
        if name.strip() and not line.startswith("#"):
            headers[name.strip()] = value.strip()
    if access.token:
        headers["Authorization"] = f"Bearer {access.token.read_text().strip()}"
    return headers


def read_auth(access: Access) -> Auth | None:
    """User and password as UTF-8, or what keeps the token's header from a .netrc. Raises OSError or ValueError."""
    if access.password:
        return HTTPBasicAuth(access.username.encode(), access.password.read_text().strip().encode())
    return (lambda request: request) if access.token else None


class Lane:
    """Pushes one page at a time, in a thread that is abandoned when it is late: a name server may hang too."""

    def __init__(self, name: str, client: Client, workers: Workers) -> None:
        self._name = name
        self._client = client
        self._workers = workers
        self._last: Future[Outcome] | None = None
        self._told = ""
        self._refusals: set[str] = set()

    async def send(self, page: Page, seconds: float) -> Outcome:
        """No later than ``seconds`` from now. A push that is late may still be taken, and will be tried again."""
        if self._last is not None and not self._last.done():
            return self._tell(Outcome(Push.AGAIN, failure=Failure.TIMEOUT, text="an earlier push is stuck"))
        self._last = self._workers.submit(partial(self._client.post, page, 0.9 * seconds))
        future = asyncio.wrap_future(self._last)
        try:
            await asyncio.wait([future], timeout=seconds)
            if future.done():
                return self._tell(future.result())
            return self._tell(Outcome(Push.AGAIN, failure=Failure.TIMEOUT, text="no answer in time"))
        finally:
            if not future.done():
                future.cancel()
                self._workers.abandon(self._last)

    def close(self) -> None:
        if self._last is None or self._last.done():
            self._client.close()

    def _tell(self, outcome: Outcome) -> Outcome:
        """The same trouble again and again is one line; a refusal, which may come and go with each page, too."""
        where = hide_password(self._client.url)
        if outcome.push is Push.REFUSED:
            if outcome.text not in self._refusals:
                log.warning(
                    "%s to %s: %s: its samples are lost, as all that it refuses", self._name, where, outcome.text
                )
                self._refusals.add(outcome.text)
        elif outcome.text != self._told:
            log.warning("%s to %s: %s", self._name, where, outcome.text or "works again")
            self._told = outcome.text
        return outcome
