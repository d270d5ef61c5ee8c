"""Remote write 1.0: protobuf written by hand, in a snappy block.

Source: the Prometheus Remote-Write 1.0 specification; ``WriteRequest`` of prometheus/prompb.
"""

import re
import struct
from functools import lru_cache
from urllib.parse import urlsplit

import cramjam

from exporter import __version__
from exporter.push.formats import Body, add_path
from exporter.push.page import GONE, Page

WRITE_PATH = "/api/v1/write"
# What receivers other than Prometheus call it.
ENDPOINTS = ("/write", "/push", "/receive")
HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": f"fleetmend-exporter/{__version__}",
}
LABEL = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(rb"\\(.)")
# The NaN that says "this series has ended"; its bits count, so it is never made from a float.
STALE = struct.pack("<Q", 0x7FF0000000000002)
DOUBLE = struct.Struct("<d")

# Tags: field number and wire type.
SERIES, LABELS, SAMPLES, NAME, VALUE_TEXT = b"\x0a", b"\x0a", b"\x12", b"\x0a", b"\x12"
VALUE, MOMENT = b"\x09", b"\x10"


class RemoteWriteFormat:
    """Keeps the encoded labels of the series that it has met in the last two generations of pages."""

    def __init__(self, labels: dict[str, str]) -> None:
        self._labels = {name.encode(): value.encode() for name, value in labels.items()}
        self._met: dict[bytes, bytes] = {}
        self._met_before: dict[bytes, bytes] = {}
        self._moment = 0

    def url(self, base: str) -> str:
        return base if urlsplit(base).path.endswith(ENDPOINTS) else add_path(base, WRITE_PATH)

    def encode(self, page: Page) -> Body:
        self._forget(page.at)
        lines = page.lines()
        moment = MOMENT + varint(page.at)
        size = varint(len(VALUE) + DOUBLE.size + len(moment))
        parts: list[bytes] = []
        for line in lines:
            series, _, text = line.rpartition(b" ")
            value = STALE if line.endswith(GONE) else DOUBLE.pack(float(text))
            # One series: its labels, one sample.
            inside = self._encoded(series) + SAMPLES + size + VALUE + value + moment
            parts += (SERIES, varint(len(inside)), inside)
        return Body(bytes(cramjam.snappy.compress_raw(b"".join(parts))), len(lines), HEADERS)

    def _forget(self, moment: int) -> None:
        """Pieces of one moment are one generation."""
        if moment != self._moment:
            self._moment, self._met_before, self._met = moment, self._met, {}

    def _encoded(self, series: bytes) -> bytes:
        found = self._met.get(series)
        if found is None:
            found = self._met_before.get(series) or encode_labels(parse_labels(series) | self._labels)
            self._met[series] = found
        return found


def parse_labels(series: bytes) -> dict[bytes, bytes]:
    """Label names to values, the metric's name under ``__name__``."""
    name, _, inside = series.partition(b"{")
    labels = {found[1]: unescape(found[2]) for found in LABEL.finditer(inside)}
    return {b"__name__": name} | labels


def unescape(value: bytes) -> bytes:
    return ESCAPED.sub(lambda found: b"\n" if found[1] == b"n" else found[1], value) if b"\\" in value else value


def encode_labels(labels: dict[bytes, bytes]) -> bytes:
    """Sorted by name; empty values are left out, for they mean that there is no such label."""
    parts: list[bytes] = []
    for name, value in sorted(labels.items()):
        if value:
            inside = NAME + varint(len(name)) + name + VALUE_TEXT + varint(len(value)) + value
            parts += (LABELS, varint(len(inside)), inside)
    return b"".join(parts)


@lru_cache(maxsize=4096)
def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first, the eighth bit set on all but the last."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
