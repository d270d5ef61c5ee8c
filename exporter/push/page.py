"""Pages as they are sent and kept: sample lines of one moment, compressed."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass

# A store may refuse what is too large in one piece, and a piece that is refused or lost should not be all.
MOST_SAMPLES = 10_000
# In place of a value: the series has ended. Of our own, it never reaches a store as text.
GONE = b" gone"
NOT_A_NUMBER = b" NaN"


@dataclass(frozen=True, slots=True)
class Page:
    """Up to MOST_SAMPLES lines ``SERIES VALUE``, gzipped, collected ``at`` that moment (unix milliseconds)."""

    at: int
    samples: int
    packed: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes where it waits."""
        return len(self.packed)

    def lines(self) -> list[bytes]:
        """The lines without their ends."""
        return gzip.decompress(self.packed).split(b"\n")[:-1]


def pack(lines: list[bytes], at: int) -> Page:
    text = b"".join([line + b"\n" for line in lines])
    return Page(at, len(lines), gzip.compress(text, compresslevel=1, mtime=0))


def series_of(line: bytes) -> bytes:
    """Name and labels of a sample line."""
    return line[: line.rindex(b" ")]


class Cutter:
    """Cuts a rendered page (text 0.0.4) into pieces, and says which series have gone since the last one.

    With ``marks``, series that have gone are in the next page as GONE, for a protocol that can say so; without,
    values that are not numbers are left out too: a store that imports text keeps the value before.
    """

    def __init__(self, *, marks: bool) -> None:
        self._marks = marks
        self._known: set[bytes] = set()
        self._last_at = 0

    def cut(self, text: bytes, at: int) -> list[Page]:
        """The page's pieces, all of the moment ``at`` (unix milliseconds)."""
        self._last_at = at
        lines = [line for line in text.split(b"\n") if line and not line.startswith(b"#")]
        if not self._marks:
            return split([line for line in lines if not line.endswith(NOT_A_NUMBER)], at)
        # A series that is there twice would have the whole page refused.
        by_series = {series_of(line): line for line in lines}
        gone = self._known - by_series.keys()
        self._known = set(by_series)
        return split([*by_series.values(), *mark(gone)], at)

    def end(self, at: int) -> list[Page]:
        """Marks for every series of the last page, later than it even if the clock says otherwise."""
        known, self._known = self._known, set()
        return split(list(mark(known)), max(at, self._last_at + 1))


def mark(gone: Iterable[bytes]) -> Iterable[bytes]:
    return (series + GONE for series in sorted(gone))


def split(lines: list[bytes], at: int) -> list[Page]:
    return [pack(lines[start : start + MOST_SAMPLES], at) for start in range(0, len(lines), MOST_SAMPLES)]
