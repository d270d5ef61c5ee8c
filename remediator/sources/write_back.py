"""Samples back into the store by remote write, off the evaluation's path: a bounded queue and one thread."""

import logging
import threading
from collections import deque
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests

from remediator.sources.blocks import compressed
from remediator.sources.written import Block
from remediator.version import VERSION

log = logging.getLogger("fleetmend.write_back")
WRITE_PATH = "/api/v1/write"
# What receivers other than Prometheus call it.
ENDPOINTS = ("/write", "/push", "/receive")
HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": f"fleetmend/{VERSION}",
}
# Beyond this the oldest samples are dropped: dashboards want the present.
MAX_QUEUED_BYTES = 64_000_000
MAX_REQUEST_BYTES = 4_000_000
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
# A store that does not take writes at all is not asked at each slot again.
REFUSAL_PAUSE = 60.0
_TOO_MANY, _NOT_FOUND, _SERVER_ERROR = 429, 404, 500


class WriteBack:
    """``put`` never waits; ``written``, ``dropped`` (samples) and ``failures`` (requests) are for metrics.

    ``refused`` says that the store answered, and takes no such writes.
    """

    def __init__(self, url: str, timeout: timedelta = timedelta(seconds=5), token_file: Path | None = None) -> None:
        self._url = url if urlsplit(url).path.endswith(ENDPOINTS) else url.rstrip("/") + WRITE_PATH
        self._timeout = timeout.total_seconds()
        self._token_file = token_file
        self._queue: deque[Block] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._ended = False
        self._sending = 0
        self._thread: threading.Thread | None = None
        self.written = 0
        self.dropped = 0
        self.failures = 0
        self.trouble = ""
        self.refused = False

    def put(self, block: Block) -> None:
        """Queue some samples; the oldest ones make room if need be."""
        if not block.count:
            return
        with self._changed:
            self._start()
            self._queue.append(block)
            self._bytes += len(block.body)
            while self._bytes > MAX_QUEUED_BYTES:
                self._drop(self._queue.popleft())
            self._changed.notify_all()

    def settle(self, seconds: float) -> bool:
        """Wait until everything that was put is sent; whether it is. Not at all while the store refuses."""
        with self._changed:
            return self._changed.wait_for(self._idle, 0 if self.trouble else seconds)

    def close(self, seconds: float = 2.0) -> None:
        """Send what is left, for so long at most, and end."""
        self.settle(seconds)
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(seconds)

    def _idle(self) -> bool:
        return not self._queue and not self._sending

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="write-back", daemon=True)
            self._thread.start()

    def _drop(self, block: Block) -> None:
        self._bytes -= len(block.body)
        self.dropped += block.count

    def _run(self) -> None:
        with requests.Session() as session:
            # Proxies and .netrc of the environment have no say in where alerts go.
            session.trust_env = False
            while (batch := self._take()) is not None:
                self._deliver(session, batch)
                with self._changed:
                    self._sending = 0
                    self._changed.notify_all()

    def _take(self) -> Block | None:
        """The oldest samples, as many as go into one request; None when all has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ended)
            if self._ended:
                return None
            taken = [self._queue.popleft()]
            size = len(taken[0].body)
            while self._queue and size + len(self._queue[0].body) <= MAX_REQUEST_BYTES:
                taken.append(self._queue.popleft())
                size += len(taken[-1].body)
            self._bytes -= size
            self._sending = 1
        return Block(b"".join(block.body for block in taken), sum(block.count for block in taken))

    def _deliver(self, session: requests.Session, batch: Block) -> None:
        """Until it is taken, refused for good, or all ends."""
        body, pause = compressed(batch.body), FIRST_PAUSE
        while True:
            status, said = self._post(session, body)
            if 200 <= status < 300:
                self.written += batch.count
                self.refused = False
                self._tell("")
                return
            self.failures += 1
            self._tell(said)
            again = status in (0, _TOO_MANY) or status >= _SERVER_ERROR
            if not again:
                self.dropped += batch.count
            self.refused = not again
            if status == _NOT_FOUND:
                self._wait_out_refusal()
            if not again or self._rests(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE)

    def _wait_out_refusal(self) -> None:
        """What was put meanwhile would be refused like the rest."""
        self._rests(REFUSAL_PAUSE)
        with self._changed:
            while self._queue:
                self._drop(self._queue.popleft())

    def _rests(self, seconds: float) -> bool:
        """Wait; whether all has ended meanwhile."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, seconds)

    def _post(self, session: requests.Session, body: bytes) -> tuple[int, str]:
        """The status, 0 for no answer, and what is wrong, in words without a secret."""
        try:
            answer = session.post(
                self._url, data=body, headers=HEADERS | self._token(), timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            return 0, "no answer in time" if isinstance(error, requests.Timeout) else "cannot be reached"
        except OSError as error:
            return 0, f"token file {self._token_file}: {error.strerror}"
        if answer.status_code == _NOT_FOUND:
            return _NOT_FOUND, "takes no remote write (Prometheus: --web.enable-remote-write-receiver)"
        return answer.status_code, f"HTTP {answer.status_code}: {answer.text[:200].strip()}"

    def _token(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        return {"Authorization": f"Bearer {self._token_file.read_text('ascii').strip()}"}

    def _tell(self, trouble: str) -> None:
        """Once for each change."""
        if bool(trouble) != bool(self.trouble):
            place = urlsplit(self._url)
            where = f"{place.hostname}:{place.port}" if place.port else f"{place.hostname}"
            if trouble:
                log.warning("alerts and recorded series cannot be written to %s: %s", where, trouble)
            else:
                log.info("alerts and recorded series are written to %s again", where)
        self.trouble = trouble
