"""Ports on the loopback for programs that are about to listen."""

import contextlib
import socket
from itertools import count
from random import randrange

# Above those that agents give their machines; systems give outgoing connections ports from 32768 on, so that none of
# these is taken by one before its program listens.
FIRST, PAST = 21_000, 32_000
# One after the other, from a lot: no port twice in one process, and seldom one of another's.
_TURN = count(randrange(PAST - FIRST))  # noqa: S311 - no secret


def free_port() -> int:
    """A port that nobody listens on now."""
    while True:
        port = FIRST + next(_TURN) % (PAST - FIRST)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
