"""One port carried from a public address to a shadow one, with a switch for silence.

Silence here is the kernel's own: the accept queue of the listener is filled, so that SYNs are dropped and a
connect times out, and what is open already stands still, in both directions, without a byte or a reset.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

BACKLOG = 512
CHUNK = 65536
FILLERS = 2
ABORT = struct.pack("ii", 1, 0)


class Air:
    """What all relays of a host share: clear, or silent."""

    def __init__(self) -> None:
        self._clear = asyncio.Event()

    def set_clear(self, *, clear: bool) -> None:
        if clear:
            self._clear.set()
        else:
            self._clear.clear()

    def is_clear(self) -> bool:
        return self._clear.is_set()

    async def wait(self) -> None:
        await self._clear.wait()


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where; both are (address, port)."""

    listen: tuple[str, int]
    target: tuple[str, int]


def abort(end: socket.socket) -> None:
    """Close with a reset instead of a farewell."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    end.close()


class Relay:
    """Starts silent: nobody is behind it yet. Call ``open`` inside a running loop."""

    def __init__(self, route: Route, air: Air) -> None:
        self.route = route
        self._air = air
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._fillers: list[socket.socket] = []
        self._calls: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Take the address. Raises OSError when it is in use."""
        self._listener.settimeout(0)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self.route.listen)
        self.silence()

    def silence(self) -> None:
        """New connects time out from now on; the shared ``Air`` stills those that are open."""
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.listen(0)
        while len(self._fillers) < FILLERS:
            self._fill()

    def _fill(self) -> None:
        """A connection to ourselves: the first takes the only place of the queue, the next one waits for it too."""
        filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        filler.settimeout(0)
        filler.connect_ex(self.route.listen)
        self._fillers.append(filler)

    def speak(self) -> None:
        """Take connections again, those of real callers that were kept waiting in the queue too."""
        ours = {filler.getsockname() for filler in self._fillers}
        while (call := self._next_call()) is not None:
            end, caller = call
            if caller in ours:
                end.close()
            else:
                self._carry(end)
        for filler in self._fillers:
            abort(filler)
        self._fillers.clear()
        self._listener.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _next_call(self) -> tuple[socket.socket, tuple[str, int]] | None:
        try:
            end, caller = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        end.settimeout(0)
        return end, (str(caller[0]), int(caller[1]))

    def _accept(self) -> None:
        if (call := self._next_call()) is not None:
            self._carry(call[0])

    def _carry(self, near: socket.socket) -> None:
        task = asyncio.get_running_loop().create_task(self._call(near))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _call(self, near: socket.socket) -> None:
        """One connection, until both sides are done; a side that is missing or breaks resets the other."""
        far = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        far.settimeout(0)
        try:
            await asyncio.get_running_loop().sock_connect(far, self.route.target)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pump(near, far))
                ways.create_task(self._pump(far, near))
            near.close()
        except* OSError:
            await self._air.wait()
        finally:
            abort(near)
            abort(far)

    async def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(source, CHUNK)
            await self._air.wait()
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            await loop.sock_sendall(sink, data)

    async def reset_all(self) -> None:
        """Break every open connection, as a host does that has been off and knows none of them any more."""
        calls = list(self._calls)
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def close(self) -> None:
        """Give the port back; connections that are open end with a reset."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        for task in self._calls:
            task.cancel()
        for filler in self._fillers:
            abort(filler)
        self._listener.close()
