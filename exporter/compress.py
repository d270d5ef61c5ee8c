"""Gzip of a page of which large parts stay as they are: those are compressed once, and put in between."""

import struct
import zlib
from collections.abc import Sequence

from exporter.render import Stretch

# The fastest level: the next ones cost thirty times as much for a tenth less.
LEVEL = 1
# Window and memory. Of what is short, most of the time would go into clearing tables that it never fills.
LARGE, SMALL, SMALL_BYTES = (-zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL), (-12, 4), 4096
HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
EMPTY_END = b"\x03\x00"


def deflate(text: bytes) -> bytes:
    """A stretch of a deflate stream that neither looks back nor ends it, so that others may follow it."""
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, *(SMALL if len(text) <= SMALL_BYTES else LARGE))
    return compressor.compress(text) + compressor.flush(zlib.Z_FULL_FLUSH)


def deflate_stretch(stretch: Stretch) -> bytes:
    """Compressed now, or already: a lasting piece keeps what it was compressed to."""
    if stretch.piece is None:
        return deflate(stretch.text)
    if stretch.piece.deflated is None:
        stretch.piece.deflated = deflate(stretch.text)
    return stretch.piece.deflated


def gzip_stretches(stretches: Sequence[Stretch]) -> bytes:
    """One gzip file: the stream is joined, only its checksum is of the whole."""
    parts, checksum, size = [HEAD], 0, 0
    for stretch in stretches:
        parts.append(deflate_stretch(stretch))
        checksum = zlib.crc32(stretch.text, checksum)
        size += len(stretch.text)
    return b"".join([*parts, EMPTY_END, struct.pack("<II", checksum, size & 0xFFFFFFFF)])
