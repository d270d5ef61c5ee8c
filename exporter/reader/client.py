"""Asking the privileged reader."""

import json
import socket
from pathlib import Path

from exporter.clock import Clock
from exporter.errors import NoData
from exporter.kit import Answer, Ask
from exporter.reader.outcome import MISSING, OK, PENDING

ANSWER_SECONDS = 2.5  # a little longer than the reader lets a client wait
DEAF_SECONDS = 15.0
MOST_BYTES = 128 * 1024 * 1024  # the reader's own bound, every byte of it escaped
CHUNK = 65536


def build_ask(path: Path, clock: Clock) -> Ask:
    return ReaderAt(path, clock).ask


class ReaderAt:
    """Connects for each question anew: a reader may be started later, and restarted.

    One that took too long for any of them is not asked again for a while: a dozen collectors would each wait for it.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._deaf_until = float("-inf")

    def ask(self, source: str) -> Answer:
        """The source's newest output. Raises OSError or ValueError if it failed.

        Raises NoData without a reader or tool, and while the first run is under way.
        """
        if self._clock.monotonic() < self._deaf_until:
            raise TimeoutError(f"{source}: the reader did not answer a moment ago")
        try:
            return parse_answer(source, exchange(self._path, source))
        except TimeoutError:
            self._deaf_until = self._clock.monotonic() + DEAF_SECONDS
            raise


def parse_answer(source: str, document: bytes) -> Answer:
    """What the reader said, if it is of use."""
    said = json.loads(document)
    if said["state"] == MISSING:
        raise NoData(said["error"])
    if said["state"] not in {OK, PENDING}:
        raise OSError(f"{source}: {said['state']}: {said['error'] or 'it does not come back'}")
    if not said["at"] and said["error"]:
        raise OSError(f"{source}: {said['error']}")
    if not said["at"]:
        raise NoData(f"{source}: nothing yet")
    return Answer(said["output"], said["at"], said["seconds"])


def exchange(path: Path, source: str) -> bytes:
    """One question, one answer. Raises NoData if nobody listens, OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoData(f"no reader at {path}") from None
        connection.sendall(f"{source}\n".encode())
        heard = bytearray()
        while said := connection.recv(CHUNK):
            heard += said
            if len(heard) > MOST_BYTES:
                raise OSError(f"{source}: more than {MOST_BYTES} bytes")
    if not heard:
        raise ConnectionError(f"{source}: the reader is busy")
    return bytes(heard)
