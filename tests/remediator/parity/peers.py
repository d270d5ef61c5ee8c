"""The real programs that our evaluation is compared with: data into stores, and promtool's verdict."""

import math
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cramjam
import pytest
import requests

from exporter.push.remote_write import (
    DOUBLE,
    HEADERS,
    MOMENT,
    SAMPLES,
    SERIES,
    STALE,
    VALUE,
    encode_labels,
    varint,
)

# A gap, and the marker that a series has ended.
GAP, ENDED = None, "stale"
Point = float | str | None


@dataclass(frozen=True)
class Series:
    """One series: its labels with ``__name__``, and a point for each step from the epoch."""

    labels: Mapping[str, str]
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        inside = ",".join(f'{name}="{value}"' for name, value in self.labels.items() if name != "__name__")
        return f"{self.labels['__name__']}{{{inside}}}"

    @property
    def notation(self) -> str:
        """The points as promtool's files write them."""
        return " ".join(_written(point) for point in self.points)


def _written(point: Point) -> str:
    if point is GAP:
        return "_"
    return point if isinstance(point, str) else "NaN" if math.isnan(point) else f"{point:g}"


_RUN = re.compile(
    r"(?P<start>stale|_|NaN|[+-]?[\d.eE]+(?:(?<=[eE])-\d+)?)(?P<step>[+-][\d.eE]+)?(?:x(?P<times>\d+))?"
)


def points(notation: str) -> tuple[Point, ...]:
    """What promtool's notation stands for: ``1 2+1x3 _x2 stale`` is eight points."""
    return tuple(point for word in notation.split() for point in _points(word))


def _points(word: str) -> Iterator[Point]:
    found = _RUN.fullmatch(word)
    assert found, f"{word!r} is no notation"
    times = int(found["times"] or 0)
    if found["start"] in ("_", "stale"):
        # _x3 are three gaps, 1x3 are four ones.
        yield from [GAP if found["start"] == "_" else ENDED] * (times or 1)
        return
    start, step = float(found["start"]), float(found["step"] or 0)
    yield from (start + step * number for number in range(times + 1))


def write(store: str, series: Iterable[Series], step: int, start: int = 0) -> None:
    """Put the series into a store by remote write; the first point is at ``start``, in seconds like ``step``."""
    parts = []
    for one in series:
        samples = b"".join(
            _sample(point, (start + step * number) * 1000)
            for number, point in enumerate(one.points)
            if point is not GAP
        )
        inside = encode_labels({name.encode(): value.encode() for name, value in one.labels.items()}) + samples
        parts += [SERIES, varint(len(inside)), inside]
    body = bytes(cramjam.snappy.compress_raw(b"".join(parts)))
    answer = requests.post(f"{store}/api/v1/write", data=body, headers=HEADERS, timeout=30)
    assert answer.ok, answer.text


def _sample(point: Point, milliseconds: int) -> bytes:
    value = STALE if point == ENDED else DOUBLE.pack(float(point or 0)) if point != ENDED else b""
    moment = MOMENT + varint(milliseconds)
    return SAMPLES + varint(len(VALUE) + len(value) + len(moment)) + VALUE + value + moment


def promtool_says(test: Path) -> str:
    """Everything that promtool holds against a file of unit tests; empty when it agrees with all of it."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("NO promtool HERE: install the Debian package prometheus")
    command = [program, "test", "rules", test.name]
    done = subprocess.run(command, cwd=test.parent, capture_output=True, text=True, check=False, timeout=120)
    return "" if done.returncode == 0 else done.stdout + done.stderr


_LABEL = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"|(\w+)\s*=\s*\'([^\']*)\'')


def parse_series(written: str) -> dict[str, str]:
    """The labels, with ``__name__``, of a series as promtool's files write it."""
    name, _, inside = written.partition("{")
    labels = {found[1] or found[3]: found[2] or found[4] or "" for found in _LABEL.finditer(inside)}
    return {"__name__": name.strip(), **labels}
