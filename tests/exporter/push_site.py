"""A store for tests, over real HTTP, that can misbehave; and what it understood of what it was sent."""

import gzip
import math
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import cramjam

HANG_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Act:
    """What is done with a request once its body was read: an answer, or none."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    manner: Literal["answer", "hang", "reset"] = "answer"


@dataclass(frozen=True, slots=True)
class Sample:
    """Labels by name, the metric's name under ``__name__``; ``at`` in unix milliseconds; raw bits of the value."""

    labels: dict[str, str]
    at: int
    bits: bytes

    @property
    def value(self) -> float:
        return float(struct.unpack("<d", self.bits)[0])


@dataclass(frozen=True, slots=True)
class Request:
    """One push, whether it was answered or not."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    act: Act


class Site:
    """Keeps every request; the act of each is asked of ``behave`` with the number of requests before it."""

    def __init__(self) -> None:
        self.behave: Callable[[int], Act] = lambda _number: Act()
        # Pages of these moments are answered 500, however often they come.
        self.poison: set[int] = set()
        self.requests: list[Request] = []
        self.url = ""
        self.released = threading.Event()

    def taken(self) -> list[Request]:
        """Those that were answered with yes."""
        return [one for one in list(self.requests) if one.act.manner == "answer" and one.act.status < 300]

    def moments(self) -> list[int]:
        """The collection times of the pages that were taken, in the order in which they came."""
        return [int(one.query["timestamp"][0]) for one in self.taken()]


@contextmanager
def serving_store(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A site on a loopback port; its threads end with it, those that hang too."""
    site = Site()

    class Pages(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            poisoned = int(query.get("timestamp", ["0"])[0]) in site.poison
            act = Act(500) if poisoned else site.behave(len(site.requests))
            site.requests.append(Request(parts.path, query, dict(self.headers), body, act))
            if act.manner == "hang":
                site.released.wait(HANG_SECONDS)
            if act.manner != "answer":
                self.close_connection = True
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            self.send_response(act.status)
            for name, value in {"Content-Length": "0", **act.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Exporters that are killed leave connections behind."""

    with Server(("127.0.0.1", port), Pages) as server:
        site.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            site.released.set()
            server.shutdown()
            thread.join()


def text_lines(request: Request) -> list[str]:
    """The lines of a push in the import format."""
    return gzip.decompress(request.body).decode().splitlines()


def remote_write_samples(request: Request) -> list[Sample]:
    """Read by the wire format's own rules, knowing nothing of how we write it."""
    found: list[Sample] = []
    for number, series in fields(bytes(cramjam.snappy.decompress_raw(request.body))):
        assert number == 1
        assert isinstance(series, bytes)
        pairs = [read_label(bytes_of(inside)) for tag, inside in fields(series) if tag == 1]
        samples = [dict(fields(bytes_of(inside))) for tag, inside in fields(series) if tag == 2]
        assert [name for name, _ in pairs] == sorted(name for name, _ in pairs)
        for sample in samples:
            at = sample[2]
            assert isinstance(at, int)
            found.append(Sample(dict(pairs), at, bytes_of(sample[1])))
    return found


def read_label(message: bytes) -> tuple[str, str]:
    (_, name), (_, value) = fields(message)
    return bytes_of(name).decode(), bytes_of(value).decode()


def bytes_of(value: bytes | int) -> bytes:
    assert isinstance(value, bytes)
    return value


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Field numbers and values of a protobuf message: varints, eight raw bytes, or what has a length."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = read_varint(message, at)
            yield number, value
        else:
            size, at = (8, at) if wire == 1 else read_varint(message, at)
            assert at + size <= len(message)
            yield number, message[at : at + size]
            at += size


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at + shift // 7]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + shift // 7 + 1
    raise ValueError("a varint without end")


def same_number(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
