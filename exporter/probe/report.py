"""Reports to every remediator: each has its own task, so that one that hangs delays no other."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import aiohttp

from exporter.clock import Clock
from exporter.probe.wire import Assignment, parse_assignment

log = logging.getLogger(__name__)

POST_SECONDS = 1.5
RETRY_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 2.0


class Reporter:
    """Sends the newest report to one remediator whenever there is one, and keeps the last assignment it gave.

    ``build_body`` is called at each sending with when the last report was taken (by the monotonic clock): a result is
    reported once to whoever takes it, and as long as it is fresh to whoever does not, for every vote counts as new.
    """

    def __init__(
        self, url: str, session: aiohttp.ClientSession, build_body: Callable[[float], bytes], clock: Clock
    ) -> None:
        self._url = url.rstrip("/") + "/internal/probes"
        self._session = session
        self._build_body = build_body
        self._clock = clock
        self._taken_at = float("-inf")
        self._answer = b""
        self._due = asyncio.Event()
        self._told = ""
        self.assignment: Assignment | None = None

    def wake(self) -> None:
        """There is something new to tell."""
        self._due.set()

    async def run(self, on_assignment: Callable[[], None]) -> None:
        """Report for ever; ``on_assignment`` is called after each answer."""
        while True:
            sent = await self.report()
            if sent:
                on_assignment()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_PAUSE_SECONDS if sent else RETRY_SECONDS):
                    await self._due.wait()
            self._due.clear()

    async def report(self) -> bool:
        """Send once; whether it was taken."""
        began = self._clock.monotonic()
        try:
            async with self._session.post(self._url, data=self._build_body(self._taken_at)) as answer:
                if answer.status != 200:
                    self._tell_once(f"it answered {answer.status}")
                    return False
                self._taken_at = began
                self._take(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._tell_once(f"{type(error).__name__}: {error}".rstrip(": "))
            return False
        self._tell_once("")
        return True

    def _take(self, body: bytes) -> None:
        """The same words are the same assignment: thousands of targets are not made anew each second."""
        if self.assignment is None or body != self._answer:
            self.assignment = parse_assignment(body)
            self._answer = body

    def _tell_once(self, text: str) -> None:
        if text != self._told:
            log.warning("report to %s: %s", self._url, text or "works again")
            self._told = text


def open_session(token: str) -> aiohttp.ClientSession:
    """A keep-alive session; the token is in its headers only."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=POST_SECONDS),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
