"""What was read and worked out before, so that a change of one file costs that file only."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from remediator.model.errors import BadInput, Problem
from remediator.policy.files import Stamp, decode, read_bytes, stamp
from remediator.policy.yaml.positions import Document, read_loosely

T = TypeVar("T")


@dataclass(frozen=True, eq=False, slots=True)
class Content:
    """One state of one file; unchanged files keep the same object. ``file`` is how problems name it."""

    file: str
    digest: bytes
    text: str = ""
    document: Document | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Seen:
    stamp: Stamp | None
    content: Content
    # A file written twice within one tick of the kernel's clock looks unchanged, so it is read twice.
    settled: bool = False


@dataclass(slots=True)
class Kept:
    """Contents by path and results by key; what one round did not ask for is forgotten at its end."""

    _files: dict[Path, _Seen] = field(default_factory=dict)
    _results: dict[tuple[str, str], tuple[tuple[Any, ...], Any]] = field(default_factory=dict)
    _asked: set[Any] = field(default_factory=set)
    changed: set[Path] = field(default_factory=set)

    def content(self, path: Path) -> Content:
        """The file as it is now."""
        self._asked.add(path)
        before, now = self._files.get(path), stamp(path)
        if before and before.stamp == now and now is not None and before.settled:
            return before.content
        stamped, content = _read(path, before.content if before else None)
        same = before is not None and before.content is content
        self._files[path] = _Seen(stamped, content, same and before is not None and before.stamp == stamped)
        if not same:
            self.changed.add(path)
        return content

    def result(self, kind: str, name: str, inputs: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What ``make`` gave for equal inputs before, or what it gives now."""
        key = (kind, name)
        self._asked.add(key)
        before = self._results.get(key)
        if before is None or before[0] != inputs:
            self._results[key] = before = (inputs, make())
        return cast("T", before[1])

    def begin(self) -> None:
        self._asked.clear()
        self.changed.clear()

    def gone(self) -> set[Path]:
        """Files of the round before that this one did not ask for."""
        return self._files.keys() - self._asked

    def end(self) -> None:
        """Forget what was not asked for."""
        self._files = {path: seen for path, seen in self._files.items() if path in self._asked}
        self._results = {key: made for key, made in self._results.items() if key in self._asked}


def legible(path: Path) -> str:
    """A path as text that can be printed anywhere: names may hold bytes that are no text, and control characters."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _read(path: Path, before: Content | None) -> tuple[Stamp | None, Content]:
    shown = legible(path)
    try:
        stamped, raw = read_bytes(path, shown)
    except BadInput as error:
        refused = tuple(error.problems)
        digest = hashlib.sha256(repr(refused).encode()).digest()
        return None, _unless_same(before, digest, lambda: Content(shown, digest, problems=refused))
    digest = hashlib.sha256(raw).digest()
    return stamped, _unless_same(before, digest, lambda: _content(shown, digest, raw))


def _unless_same(before: Content | None, digest: bytes, make: Callable[[], Content]) -> Content:
    return before if before and before.digest == digest else make()


def _content(shown: str, digest: bytes, raw: bytes) -> Content:
    try:
        text = decode(raw, shown)
    except BadInput as error:
        return Content(shown, digest, problems=tuple(error.problems))
    document, problems = read_loosely(text, shown)
    return Content(shown, digest, text, document, tuple(problems))
