"""The socket: who may ask, and one answer for each connection."""

import contextlib
import fcntl
import json
import os
import select
import socket
import stat
import struct
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from exporter.clock import Clock
from exporter.errors import BadStart
from exporter.reader.flight import Flight, Said
from exporter.reader.outcome import ERROR, MISSING, OK

MODE = 0o660
MOST_CLIENTS = 16
LONGEST_NAME = 64
PATIENCE_SECONDS = 2.0
REFRESH_SECONDS = 1.0  # how often is looked whether a run in the background is due
STATUS = "status"


@contextlib.contextmanager
def claim(path: Path, group: int) -> Iterator[socket.socket]:
    """A listener at ``path``, for this user and ``group`` (-1: our own), gone again afterwards.

    Raises BadStart if another process listens there, or nobody can. What a dead one left is replaced.
    """
    try:
        listener = take(path, group)
        ours = path.stat().st_ino
    except OSError as error:
        raise BadStart(f"--socket: {path}: {error.strerror or error}") from None
    with listener:
        yield listener
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == ours:
                path.unlink()


def take(path: Path, group: int) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Two that start at once must not take each other's socket for a dead one's.
        fcntl.flock(folder, fcntl.LOCK_EX)
        remove_dead(path)
        return bind(path, group)
    finally:
        os.close(folder)


def remove_dead(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise BadStart(f"--socket: {path} is there, and is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise BadStart(f"--socket: another reader listens at {path}")


def bind(path: Path, group: int) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o777 & ~MODE)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    os.chown(path, -1, group)
    listener.listen(MOST_CLIENTS)
    return listener


class Server:
    """Answers from ``flights``; ``uids`` may ask, or, if it is empty, whoever can open the socket.

    A client has ``patience`` seconds to say what it wants, waits as long for a run that is due before it gets what
    the last one said, and has as long again to take that.
    """

    def __init__(self, flights: Sequence[Flight], uids: Collection[int], clock: Clock, patience: float) -> None:
        self._flights = {flight.name: flight for flight in flights}
        self._uids = uids
        self._clock = clock
        self._patience = patience
        self._free = threading.BoundedSemaphore(MOST_CLIENTS)

    def serve(self, listener: socket.socket, stop: socket.socket) -> None:
        """Until ``stop`` can be read from."""
        while True:
            for flight in self._flights.values():
                flight.refresh()
            ready = select.select([listener, stop], [], [], REFRESH_SECONDS)[0]
            if stop in ready:
                return
            if ready:
                self._welcome(listener.accept()[0])

    def _welcome(self, client: socket.socket) -> None:
        """A thread for each client; one that is too many is sent away without a word."""
        if not self._free.acquire(blocking=False):
            client.close()
            return
        try:
            threading.Thread(target=self._attend, args=(client,), name="client", daemon=True).start()
        except RuntimeError:
            client.close()
            self._free.release()

    def _attend(self, client: socket.socket) -> None:
        try:
            with client, contextlib.suppress(OSError):
                answer = self._answer(client)
                client.settimeout(self._patience)
                client.sendall(json.dumps(answer._asdict()).encode())
        finally:
            self._free.release()

    def _answer(self, client: socket.socket) -> Said:
        # First what is wanted: a socket that is closed with words unheard takes its answer with it.
        name, uid = self._hear(client), read_uid(client)
        if self._uids and uid not in self._uids:
            return Said(ERROR, error=f"user {uid} may not ask")
        if name == STATUS:
            return Said(OK, json.dumps(self._status()), self._clock.now())
        if name not in self._flights:
            return Said(MISSING, error="no such source")
        return self._flights[name].ask(self._patience)

    def _hear(self, client: socket.socket) -> str:
        """A line. Raises TimeoutError for a client that takes its time, ConnectionError for one that says no name."""
        until = self._clock.monotonic() + self._patience
        heard = b""
        while b"\n" not in heard:
            client.settimeout(max(0.001, until - self._clock.monotonic()))
            said = client.recv(LONGEST_NAME)
            if not said or len(heard) > LONGEST_NAME:
                raise ConnectionError("no name")
            heard += said
        return heard.partition(b"\n")[0].decode(errors="replace")

    def _status(self) -> dict[str, object]:
        """Of every source that has run: how it last ended, without its output."""
        said = {name: flight.last() for name, flight in self._flights.items()}
        return {name: one._asdict() for name, one in said.items() if one != Said()}


def read_uid(client: socket.socket) -> int:
    """Whose process is at the other end, as the kernel knows it."""
    _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)
