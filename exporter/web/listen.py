"""Where we listen: addresses as people write them, and bound sockets."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from exporter.errors import BadStart

BACKLOG = 128
LOOPBACK = "127.0.0.1"
EVERYWHERE = ""


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address or name, and a port; 0 is any free one. An empty host is every address that the machine has."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(flag: str, text: str, missing_host: str) -> Address:
    """``HOST:PORT``, ``[HOST]:PORT`` or ``:PORT``, which means ``missing_host``. Raises BadStart."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise BadStart(f"{flag}: {text!r} is not HOST:PORT")
    return Address(host.strip("[]") or missing_host, int(port))


def open_listener(address: Address) -> socket.socket:
    """A bound listening socket; BadStart with one line if it cannot be had."""
    everywhere = address.host == EVERYWHERE
    both = everywhere and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both or ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server(
            ("::" if both else address.host, address.port), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise BadStart(f"cannot listen on {address}: {reason}") from None
    listener.settimeout(0)
    return listener


@contextmanager
def open_listeners(addresses: Sequence[Address]) -> Iterator[list[socket.socket]]:
    """All of them, closed at the end. Raises BadStart."""
    with ExitStack() as opened:
        yield [opened.enter_context(open_listener(address)) for address in addresses]


def address_of(listener: socket.socket) -> Address:
    """What it is bound to, with the port that it got."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def list_urls(listeners: Sequence[socket.socket], path: str, *, tls: bool) -> str:
    """Every listener's URL of that path, with a space between them."""
    return " ".join(f"http{'s' * tls}://{address_of(listener)}{path}" for listener in listeners)
