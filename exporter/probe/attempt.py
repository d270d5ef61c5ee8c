"""One probe under way: a small state machine on a socket that never blocks.

A fresh connection each time, so that a kernel that died is not hidden by an old one. No task, future or stream for
each: a fleet has thousands of targets each second.
"""

import errno
import os
import select
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Protocol

from exporter.probe.outcome import Outcome, classify_error
from exporter.probe.plan import Judge, Plan, Security

READ_BYTES = 16384
# Close with a reset: thousands of connections in TIME_WAIT would use up our ports.
NO_LINGER = struct.pack("ii", 1, 0)
# Registered once for both ways: each state goes on until the kernel has no more for it.
EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET
FAILED = select.EPOLLERR | select.EPOLLHUP
UNDER_WAY = frozenset({0, errno.EINPROGRESS})
# What is taken up later than this after its deadline may have come in time: then we were late, not they.
OURS_SECONDS = 0.05


class Attempt(Protocol):
    """What the engine drives. ``descriptor`` is -1 while it has none of its own; ``over`` once it is finished."""

    began: float
    deadline: float
    descriptor: int
    over: bool

    @property
    def timeout(self) -> float: ...

    def start(self, now: float) -> Outcome | None:
        """Set out; an outcome if that was all."""
        ...

    def advance(self, events: int, now: float, /) -> Outcome | None:
        """Go on as far as the kernel allows; an outcome at the end."""
        ...

    def expire(self, now: float, /) -> Outcome:
        """The time is up."""
        ...

    def finish(self, outcome: Outcome, now: float) -> None:
        """It is over: close, and tell whom it concerns."""
        ...

    def close(self) -> None: ...


class Dial:
    """An attempt by TCP: connect, secure if that is planned, ask, read until the judge knows.

    ``connected``, ``secured``, ``asked`` and ``answered`` are when that was, 0 before. Whoever took the connection
    has a living kernel: after that no answer is a wrong answer, not silence.
    """

    __slots__ = (
        "_connection", "_done", "answered", "asked", "began", "certificate", "connected", "deadline", "descriptor",
        "over", "plan", "raw", "secured", "trouble", "unsent", "untrusted",
    )  # fmt: skip

    _connection: socket.socket

    def __init__(self, plan: Plan, done: "Callable[[Dial, Outcome, float], None]") -> None:
        self.plan = plan
        self._done = done
        self.began = self.deadline = self.connected = self.secured = self.asked = self.answered = 0.0
        self.descriptor = -1
        self.over = self.untrusted = False
        self.unsent = plan.request
        self.raw = self.certificate = b""
        self.trouble = ""

    @property
    def timeout(self) -> float:
        return self.plan.timeout

    def start(self, now: float) -> Outcome | None:
        self.began = now
        plan = self.plan
        try:
            self._connection = connection = socket.socket(plan.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self.descriptor = connection.fileno()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            number = connection.connect_ex(plan.address)
        except OSError as error:
            return self._fail(error)
        if number not in UNDER_WAY:
            return self._fail(OSError(number, os.strerror(number)))
        return None

    def advance(self, events: int, now: float) -> Outcome | None:
        try:
            return self._advance(events, now)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except ssl.SSLError as error:
            # Whatever it says, it came from a kernel that lives, and it is not what was asked for.
            self.trouble = str(error)
            self.untrusted = isinstance(error, ssl.SSLCertVerificationError)
            return Outcome.WRONG_ANSWER
        except OSError as error:
            return self._fail(error)

    def _advance(self, events: int, now: float) -> Outcome | None:
        plan = self.plan
        if now > self.deadline:
            return self._judge_late(now)
        if not self.connected:
            self._check_connected(events)
            self.connected = now
        if plan.security is not None and not self.secured:
            self._secure(plan.security)
            self.secured = now
        if plan.judge is None:
            return Outcome.OK
        if self.unsent:
            self._send(now)
            if not events & select.EPOLLIN:
                return None
        return self._read(plan.judge, now)

    def _check_connected(self, events: int) -> None:
        if events & FAILED and (number := self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
            raise OSError(number, os.strerror(number))

    def _secure(self, security: Security) -> None:
        if not isinstance(self._connection, ssl.SSLSocket):
            self._connection = security.context.wrap_socket(
                self._connection, do_handshake_on_connect=False, server_hostname=security.name or None
            )
        self._connection.do_handshake()
        self.certificate = self._connection.getpeercert(binary_form=True) or b""

    def _send(self, now: float) -> None:
        self.asked = now
        self.unsent = self.unsent[self._connection.send(self.unsent) :]

    def _read(self, judge: Judge, now: float) -> Outcome | None:
        while True:
            piece = self._connection.recv(READ_BYTES)
            self.answered = self.answered or now
            self.raw += piece
            outcome = judge(self.raw, not piece)
            if outcome is not None:
                return outcome

    def _judge_late(self, now: float) -> Outcome:
        """We come too late to say whether it came in time; that somebody is there is certain."""
        ours = not self.connected or now > self.deadline + OURS_SECONDS
        return Outcome.ERROR_HERE if ours else Outcome.WRONG_ANSWER

    def _fail(self, error: OSError) -> Outcome:
        self.trouble = error.strerror or str(error)
        return classify_error(error)

    def expire(self, _now: float, /) -> Outcome:
        self.trouble = "timeout"
        if self.connected:
            return Outcome.WRONG_ANSWER
        # We slept, not they: the kernel knows of an answer that we were too late to take.
        return Outcome.ERROR_HERE if is_answered(self._connection) else Outcome.SILENT

    def finish(self, outcome: Outcome, now: float) -> None:
        self.close()
        self._done(self, outcome, now)

    def close(self) -> None:
        if self.descriptor >= 0:
            self._connection.close()


def is_answered(connection: socket.socket) -> bool:
    """Whether the other side has accepted or refused, without waiting."""
    if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return True
    try:
        connection.getpeername()
    except OSError:
        return False
    return True
