"""Echo requests: one socket for each address family, and the attempts that wait for its answers.

A datagram socket needs no rights where net.ipv4.ping_group_range has our group, a raw one needs CAP_NET_RAW.
"""

import contextlib
import logging
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from exporter.probe.engine import Engine
from exporter.probe.outcome import Outcome, classify_error
from exporter.probe.plan import Address

log = logging.getLogger(__name__)

READ_BYTES = 2048
SEQUENCES = 1 << 16
HEADER = struct.Struct("!BBHHH")
# Of raw sockets' filters: every type blocked but the answer's.
ICMP_FILTER, ICMP6_FILTER = 1, 1
SOL_RAW = 255


@dataclass(frozen=True, slots=True)
class Echo:
    """The two types of an address family, and its protocol."""

    protocol: int
    request: int
    reply: int


ECHOES = {
    socket.AF_INET: Echo(socket.IPPROTO_ICMP, 8, 0),
    socket.AF_INET6: Echo(socket.IPPROTO_ICMPV6, 128, 129),
}


def build_echo(kind: int, sequence: int, payload: bytes) -> bytes:
    """The kernel fills in the identifier of datagram sockets, and the checksum for IPv6."""
    identifier = os.getpid() & 0xFFFF
    blank = HEADER.pack(kind, 0, 0, identifier, sequence) + payload
    return HEADER.pack(kind, 0, checksum(blank), identifier, sequence) + payload


def checksum(packet: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def parse_reply(packet: bytes, kind: int) -> tuple[int, bytes] | None:
    """Sequence and payload; None for what is no answer of that type."""
    if len(packet) < HEADER.size or packet[0] != kind:
        return None
    return HEADER.unpack_from(packet)[4], packet[HEADER.size :]


def strip_ip(packet: bytes) -> bytes:
    """Raw IPv4 sockets give the IP header too."""
    return packet[(packet[0] & 0x0F) * 4 :] if packet and packet[0] >> 4 == 4 else packet


class Ping:
    """An attempt by ICMP: what is not answered in time is silent."""

    __slots__ = ("_done", "_line", "address", "began", "deadline", "descriptor", "over", "sequence", "timeout")

    def __init__(
        self, line: "Line", address: str, timeout: float, done: "Callable[[Ping, Outcome, float], None]"
    ) -> None:
        self._line = line
        self._done = done
        self.address = address
        self.timeout = timeout
        self.began = self.deadline = 0.0
        self.descriptor = -1
        self.over = False
        self.sequence = -1

    def start(self, now: float) -> Outcome | None:
        self.began = now
        return self._line.send(self)

    def advance(self, _events: int, _now: float, /) -> Outcome | None:
        """It has no descriptor of its own; the line tells of the answer."""
        return None

    def expire(self, _now: float, /) -> Outcome:
        return Outcome.SILENT

    def finish(self, outcome: Outcome, now: float) -> None:
        self._line.forget(self)
        self._done(self, outcome, now)

    def close(self) -> None:
        """Nothing is its own."""


class Line:
    """The socket of one address family; opened when it is first needed."""

    _socket: socket.socket

    def __init__(self, family: int, engine: Engine) -> None:
        self._family = family
        self._echo = ECHOES[socket.AddressFamily(family)]
        self._engine = engine
        self._payload = os.urandom(16)
        self._waiting: dict[int, Ping] = {}
        self._sequence = 0
        self._is_open = self._raw = self._told = False

    def send(self, ping: Ping) -> Outcome | None:
        self._sequence = (self._sequence + 1) % SEQUENCES
        if self._sequence in self._waiting or not self._open():
            return Outcome.ERROR_HERE
        ping.sequence = self._sequence
        self._waiting[ping.sequence] = ping
        address: Address = (ping.address, 0) if self._family == socket.AF_INET else (ping.address, 0, 0, 0)
        try:
            self._socket.sendto(build_echo(self._echo.request, ping.sequence, self._payload), address)
        except OSError as error:
            return classify_error(error)
        return None

    def forget(self, ping: Ping) -> None:
        if self._waiting.get(ping.sequence) is ping:
            del self._waiting[ping.sequence]

    def close(self) -> None:
        if self._is_open:
            self._socket.close()

    def _open(self) -> bool:
        for kind in () if self._is_open else (socket.SOCK_DGRAM, socket.SOCK_RAW):
            with contextlib.suppress(OSError):
                self._socket = socket.socket(self._family, kind | socket.SOCK_NONBLOCK, self._echo.protocol)
                self._is_open, self._raw = True, kind == socket.SOCK_RAW
                self._filter()
                self._engine.watch(self._socket.fileno(), self.take)
                break
        if not self._is_open and not self._told:
            self._told = True
            log.warning("icmp: not allowed here: net.ipv4.ping_group_range or CAP_NET_RAW would allow it")
        return self._is_open

    def _filter(self) -> None:
        """A raw socket hears all of the host's ICMP: let the kernel drop what is no answer."""
        if not self._raw:
            return
        if self._family == socket.AF_INET:
            self._socket.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~(1 << self._echo.reply) & 0xFFFFFFFF))
            return
        blocked = [0xFFFFFFFF] * 8
        blocked[self._echo.reply // 32] &= ~(1 << self._echo.reply % 32)
        self._socket.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, struct.pack("=8I", *blocked))

    def take(self, now: float) -> None:
        """Everything that has come."""
        with contextlib.suppress(OSError):
            while True:
                packet, sender = self._socket.recvfrom(READ_BYTES)
                self._match(strip_ip(packet) if self._raw else packet, sender[0], now)

    def _match(self, packet: bytes, sender: str, now: float) -> None:
        reply = parse_reply(packet, self._echo.reply)
        if reply is None or reply[1] != self._payload:
            return
        ping = self._waiting.get(reply[0])
        if ping is not None and ping.address == sender:
            # As with connections: an answer that we took up too late is our own fault.
            self._engine.finish(ping, Outcome.ERROR_HERE if now > ping.deadline else Outcome.OK, now)


class Pinger:
    """Sets out pings on the line of their family."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lines = {int(family): Line(family, engine) for family in ECHOES}

    def ping(self, family: int, address: str, timeout: float, done: "Callable[[Ping, Outcome, float], None]") -> None:
        self._engine.start(Ping(self._lines[family], address, timeout, done))

    def close(self) -> None:
        for line in self._lines.values():
            line.close()
