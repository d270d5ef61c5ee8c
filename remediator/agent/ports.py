"""Ports for machines: from one range per host, told to each machine as PORT."""

import socket
from collections.abc import Iterable

from remediator.model.errors import TransientError

FIRST, LAST = 20_000, 20_999


def free_port(address: str, taken: Iterable[int]) -> int:
    """The lowest port of the range that no machine has and nobody listens on.

    Raises:
        TransientError: there is none.
    """
    used = set(taken)
    for port in range(FIRST, LAST + 1):
        if port not in used and bindable(address, port):
            return port
    raise TransientError(f"no free port among {FIRST}..{LAST} on this host")


def bindable(address: str, port: int) -> bool:
    """Whether a machine could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
