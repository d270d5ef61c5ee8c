"""Samples as remote write 1.0 has them: protobuf by hand, in one snappy block. PURE.

Source: the Prometheus Remote-Write 1.0 specification; ``WriteRequest`` of prometheus/prompb. A sample here is two
pieces: a head (the series with its value, or up to its value) that is made once, and a tail, the moment.
"""

import struct
from collections.abc import Mapping
from datetime import datetime

import cramjam

# The NaN that says "this series has ended"; its bits count, so it is never made from a float.
STALE = struct.pack("<Q", 0x7FF0000000000002)
DOUBLE = struct.Struct("<d")
# Tags: field number and wire type.
_SERIES, _LABEL, _SAMPLES, _NAME, _TEXT, _VALUE, _MOMENT = (
    b"\x0a",
    b"\x0a",
    b"\x12",
    b"\x0a",
    b"\x12",
    b"\x09",
    b"\x10",
)
# From 1971 to 2109 a moment in milliseconds is six bytes long: so is the length of what holds it known before.
_TAIL = len(_MOMENT) + 6
_SAMPLE = len(_VALUE) + DOUBLE.size + _TAIL


def head(labels: Mapping[str, str]) -> bytes:
    """A series and the beginning of its one sample: eight bytes of value and a tail are to follow."""
    inside = _labels(labels) + _SAMPLES + _varint(_SAMPLE)
    return _SERIES + _varint(len(inside) + _SAMPLE) + inside + _VALUE


def tail(at: datetime) -> bytes:
    """The end of a sample.

    Raises:
        ValueError: a moment before 1971 or after 2109.
    """
    found = _MOMENT + _varint(int(at.timestamp() * 1000 + 0.5))
    if len(found) != _TAIL:
        raise ValueError(f"{at} cannot be written")
    return found


def compressed(samples: bytes) -> bytes:
    """A request's body."""
    return bytes(cramjam.snappy.compress_raw(samples))


def _labels(labels: Mapping[str, str]) -> bytes:
    """Sorted by name, as receivers want them."""
    parts: list[bytes] = []
    for name, value in sorted(labels.items()):
        inside = _field(_NAME, name.encode()) + _field(_TEXT, value.encode())
        parts.append(_field(_LABEL, inside))
    return b"".join(parts)


def _field(tag: bytes, octets: bytes) -> bytes:
    return tag + _varint(len(octets)) + octets


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first, the eighth bit set on all but the last."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
