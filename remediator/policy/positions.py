"""YAML to plain values, with the place of every one of them, and without YAML's traps."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from remediator.model.errors import BadInput, Problem

Where = tuple[str | int, ...]

MAX_BYTES = 5_000_000
MAX_DEPTH = 40
MAX_VALUES = 200_000
_PREFIX = "tag:yaml.org,2002:"
_BOOLS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A file's plain value; ``values`` and ``keys`` say where each path's value and its key stand."""

    file: str
    value: Any
    values: dict[Where, Place] = field(default_factory=dict)
    keys: dict[Where, Place] = field(default_factory=dict)
    names: dict[Where, str] = field(default_factory=dict)

    def problem(self, where: Where, message: str, *, at_key: bool = False, severity: str = "error") -> Problem:
        """A problem at that path, or at its nearest parent that has a place."""
        field_name = ".".join(str(part) for part in where if isinstance(part, str))
        text = f"{field_name}: {message}" if field_name else message
        if where in self.names:
            return Problem(self.names[where], 0, 0, message, severity)
        place = self._place(where, at_key=at_key)
        return Problem(self.file, place.line, place.column, text, severity)

    def _place(self, where: Where, *, at_key: bool) -> Place:
        if at_key and where in self.keys:
            return self.keys[where]
        for length in range(len(where), -1, -1):
            found = self.values.get(where[:length])
            if found:
                return found
        return Place(1, 1)


def read_document(path: Path, shown: str = "") -> Document:
    """Read and parse one YAML file.

    Raises:
        BadInput: unreadable, binary, too large or too deep, or YAML that is wrong or means something else.
    """
    shown = shown or str(path)
    try:
        # One byte more than allowed is enough to know; a device that never ends is not read to its end.
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput([Problem(shown, 0, 0, f"cannot be read: {error.strerror}")]) from error
    return parse_document(_decode(raw, shown), shown)


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text.

    Raises:
        BadInput: with everything that is wrong.
    """
    try:
        _refuse_depth(text, file)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise BadInput([Problem(file, place.line, place.column, f"not valid YAML: {said}")]) from error
    except yaml.YAMLError as error:
        said = str(error).splitlines()[0]
        raise BadInput([Problem(file, 1, 1, f"not valid YAML: {said}")]) from error
    return _Reading(file).document(root)


def _decode(raw: bytes, file: str) -> str:
    if len(raw) > MAX_BYTES:
        raise BadInput([Problem(file, 0, 0, f"is larger than {MAX_BYTES // 1_000_000} MB")])
    if b"\0" in raw:
        raise BadInput([Problem(file, 0, 0, "is a binary file, not YAML")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput([Problem(file, line, 0, "is not UTF-8 text")]) from error


def _refuse_depth(text: str, file: str) -> None:
    """Composing recurses; the event stream does not, so depth is measured there first."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise BadInput([Problem(file, line, 1, f"is nested deeper than {MAX_DEPTH} levels")])


class _Reading:
    """One pass over the composed nodes; collects values, places and problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[Where, Place] = {}
        self.keys: dict[Where, Place] = {}
        self.problems: list[Problem] = []
        self.open: set[int] = set()

    def document(self, root: yaml.Node | None) -> Document:
        value = None if root is None else self.read(root, ())
        if self.problems:
            raise BadInput(sorted(self.problems))
        return Document(self.file, value, self.values, self.keys)

    def read(self, node: yaml.Node, where: Where) -> Any:
        self.values[where] = _place(node)
        if len(self.values) > MAX_VALUES or id(node) in self.open:
            message = (
                "aliases (*name) unfold into too many values" if id(node) not in self.open else "refers to itself"
            )
            raise BadInput([self.bad(node, message)])
        self.open.add(id(node))
        try:
            return self.inner(node, where)
        finally:
            self.open.discard(id(node))

    def inner(self, node: yaml.Node, where: Where) -> Any:
        if isinstance(node, yaml.MappingNode):
            return dict(self.pairs(node, where))
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, (*where, index)) for index, child in enumerate(node.value)]
        return self.scalar(node)

    def pairs(self, node: yaml.MappingNode, where: Where) -> Iterator[tuple[str, Any]]:
        seen: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node)
            if key is None:
                continue
            if key in seen:
                self.problems.append(self.bad(key_node, f"key {key!r} was given before, on line {seen[key].line}"))
                continue
            seen[key] = _place(key_node)
            self.keys[(*where, key)] = seen[key]
            yield key, self.read(value_node, (*where, key))

    def key(self, node: yaml.Node) -> str | None:
        if node.tag == _PREFIX + "merge":
            self.problems.append(self.bad(node, "merge keys (<<) are not read; write the fields out"))
            return None
        value = self.scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(value, str):
            return value
        if not isinstance(value, bool) or node.value in _BOOLS:
            self.problems.append(self.bad(node, "keys must be text; quote it"))
        return None

    def scalar(self, node: yaml.Node) -> Any:
        kind, text = node.tag.removeprefix(_PREFIX), str(node.value)
        trap = pitfall(kind, text)
        if trap:
            self.problems.append(self.bad(node, trap))
            return text == "yes" if kind == "bool" else text
        return _plain(kind, text)

    def bad(self, node: yaml.Node, message: str) -> Problem:
        place = _place(node)
        return Problem(self.file, place.line, place.column, message)


def pitfall(kind: str, text: str) -> str:
    """What YAML 1.1 makes of a plain scalar that people read otherwise; empty when there is no such trap."""
    if kind == "bool" and text.lower() not in _BOOLS:
        return f"YAML reads {text!r} as true or false; write true or false, or quote it to mean the word"
    if kind in ("int", "float") and ":" in text:
        return f"YAML reads {text!r} as a number in base 60; quote it, or write a duration such as 90s"
    if kind == "int" and re.fullmatch(r"[-+]?0[0-7_]+", text):
        return f"YAML reads {text!r} as an octal number; quote it, or leave out the leading zero"
    if kind not in ("str", "int", "float", "bool", "null", "timestamp", "value"):
        return f"tag {kind!r} is not read; only text, numbers, true, false and null are"
    return ""


def _plain(kind: str, text: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return _BOOLS[text.lower()]
    if kind == "int":
        return int(text.replace("_", ""), 0)
    if kind == "float":
        return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
