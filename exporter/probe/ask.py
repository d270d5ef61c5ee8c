"""One probe: a fresh connection each time, so that a kernel that died is not hidden by an old one.

Plain sockets on the loop, no streams and no HTTP client: a fleet has thousands of targets each second.
"""

import asyncio
import socket
import struct

from exporter.clock import Clock
from exporter.probe.outcome import Outcome, classify_error, judge_answer
from exporter.probe.wire import Result, Target

READ_BYTES = 4096
# Close with a reset: thousands of connections in TIME_WAIT would use up our ports.
NO_LINGER = struct.pack("ii", 1, 0)


async def probe(target: Target, timeout: float, clock: Clock) -> Result:
    """Ask one target; ``timeout`` in seconds bounds the whole of it."""
    began = clock.monotonic()
    outcome = await ask(target, timeout)
    now = clock.monotonic()
    return Result(target, outcome, now - began, now)


async def ask(target: Target, timeout: float) -> Outcome:
    deadline = asyncio.get_running_loop().time() + timeout
    try:
        connection = open_socket(target.address)
    except OSError:
        return Outcome.ERROR_HERE
    with connection:
        outcome = await connect(connection, target, deadline)
        if outcome is not Outcome.OK or target.kind == "tcp":
            return outcome
        return await converse(connection, target, deadline)


def open_socket(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    return connection


async def connect(connection: socket.socket, target: Target, deadline: float) -> Outcome:
    try:
        async with asyncio.timeout_at(deadline):
            await asyncio.get_running_loop().sock_connect(connection, (target.address, target.port))
    except TimeoutError:
        # We slept, not they: the kernel knows of an answer that we were too late to take.
        return Outcome.ERROR_HERE if is_answered(connection) else Outcome.SILENT
    except OSError as error:
        return classify_error(error)
    return Outcome.OK


def is_answered(connection: socket.socket) -> bool:
    """Whether the other side has accepted or refused, without waiting."""
    if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return True
    try:
        connection.getpeername()
    except OSError:
        return False
    return True


async def converse(connection: socket.socket, target: Target, deadline: float) -> Outcome:
    """One GET on an open connection. Who took the connection has a living kernel: no answer is a wrong one."""
    try:
        async with asyncio.timeout_at(deadline):
            await asyncio.get_running_loop().sock_sendall(connection, build_request(target))
            return await read_answer(connection, target.expect)
    except TimeoutError:
        return Outcome.WRONG_ANSWER
    except OSError as error:
        return classify_error(error)


def build_request(target: Target) -> bytes:
    return f"GET {target.path} HTTP/1.1\r\nHost: {target.address}:{target.port}\r\nConnection: close\r\n\r\n".encode()


async def read_answer(connection: socket.socket, expect: str) -> Outcome:
    loop = asyncio.get_running_loop()
    raw = b""
    while True:
        piece = await loop.sock_recv(connection, READ_BYTES)
        raw += piece
        outcome = judge_answer(raw, expect, ended=not piece)
        if outcome is not None:
            return outcome
