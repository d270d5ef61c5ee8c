"""Remote write as a receiver reads it, and a receiver that answers what a test wants."""

import http.server
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cramjam

Told = tuple[dict[str, str], float | str, int]
STALE_BITS = 0x7FF0000000000002


def _varint(octets: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = octets[at]
        value |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return value, at


def _fields(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Each field's number and bytes; those of a varint are its eight bytes as a number."""
    at = 0
    while at < len(octets):
        tag, at = _varint(octets, at)
        if tag & 7 == 0:
            value, at = _varint(octets, at)
            yield tag >> 3, struct.pack("<Q", value)
            continue
        size, at = (8, at) if tag & 7 == 1 else _varint(octets, at)
        yield tag >> 3, octets[at : at + size]
        at += size


def read_samples(octets: bytes) -> list[Told]:
    """Labels, value ("stale" for the marker) and moment in milliseconds of each sample."""
    found: list[Told] = []
    for _, series in _fields(octets):
        parts = list(_fields(series))
        pairs = [dict(_fields(part)) for number, part in parts if number == 1]
        names = [pair[1].decode() for pair in pairs]
        assert names == sorted(names)
        (sample,) = [dict(_fields(part)) for number, part in parts if number == 2]
        bits = struct.unpack("<Q", sample[1])[0]
        value = "stale" if bits == STALE_BITS else struct.unpack("<d", sample[1])[0]
        labels = dict(zip(names, [pair[2].decode() for pair in pairs], strict=True))
        found.append((labels, value, struct.unpack("<Q", sample[2])[0]))
    return found


class Receiver:
    """Answers with each of ``statuses`` in turn, the last one for ever; keeps what it took with 204."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses) or [204]
        self.asked = 0
        self.taken: list[Told] = []

    def answer(self, body: bytes) -> int:
        self.asked += 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 204:
            self.taken += read_samples(bytes(cramjam.snappy.decompress_raw(body)))
        return status


@contextmanager
def receiving(receiver: Receiver) -> Iterator[str]:
    """Its base URL."""

    class Writes(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.answer(body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Writes) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
