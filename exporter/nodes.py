"""YAML nodes to typed values as Go's decoder reads them, every finding with its place.

Scalars of text fields are taken as they are written: a user called ``on`` or ``123`` keeps that name.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml

from exporter.errors import BadStart

MAX_DEPTH = 20
TRUE = frozenset({"y", "yes", "on", "true"})
FALSE = frozenset({"n", "no", "off", "false"})
WHOLE = re.compile(r"-?[0-9]+")
SPAN = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")  # both letters are in use
UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class BadConfig(BadStart):
    """What is wrong with a file, one line for each finding."""


class BadValue(Exception):
    """What one value should be."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Line and column from 1."""

    line: int
    column: int
    text: str


@dataclass(slots=True)
class Findings:
    """What was found in one file, and where each field stands, by its dotted path."""

    file: str
    found: list[Finding] = field(default_factory=list)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, path: str, text: str) -> None:
        """A finding at that field or, if it is not there, at the nearest one around it."""
        known = path
        while known and known not in self.places:
            known = known.rpartition(".")[0]
        line, column = self.places.get(known, (1, 1))
        self.found.append(Finding(line, column, f"{path}: {text}" if path else text))

    def lines(self) -> list[str]:
        return [f"{self.file}:{one.line}:{one.column}: {one.text}" for one in sorted(self.found)]

    def refuse(self) -> None:
        """Raises BadConfig if there is any."""
        if self.found:
            raise BadConfig("\n".join(self.lines()))


Parse = Callable[[yaml.Node, str, Findings], Any]


def parse_document(content: bytes, findings: Findings) -> yaml.Node | None:
    """The root node, None of an empty document. Raises BadConfig if it is not YAML."""
    try:
        refuse_depth(content)
        return yaml.compose(content, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.places[""] = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        findings.add("", f"not valid YAML: {error.problem}")
    except (yaml.YAMLError, UnicodeDecodeError):
        findings.add("", "not valid YAML: it is not text")
    except BadValue as error:
        findings.add("", str(error))
    findings.refuse()
    return None


def refuse_depth(content: bytes) -> None:
    """Composing recurses, events do not: what is nested too deep is found here first."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BadValue("is nested too deep")


def parse_fields(node: yaml.Node, path: str, findings: Findings, known: Mapping[str, Parse]) -> dict[str, Any]:
    """The known fields that are there and not null; each of the others is a finding."""
    values: dict[str, Any] = {}
    for name, below, child in pairs(node, path, findings):
        if name not in known:
            findings.add(below, f"unknown field{did_you_mean(name, known)}")
        elif not is_null(child):
            values[name] = parse_value(child, below, findings, known[name])
    return {name: value for name, value in values.items() if value is not None}


def parse_value(node: yaml.Node, path: str, findings: Findings, parse: Parse) -> Any:
    """None, and a finding, if it is not what it should be."""
    try:
        return parse(node, path, findings)
    except BadValue as error:
        findings.add(path, str(error))
        return None


def pairs(node: yaml.Node, path: str, findings: Findings) -> Iterator[tuple[str, str, yaml.Node]]:
    """Name, path and value of each field, each name once; the place of a field is its key's."""
    if not isinstance(node, yaml.MappingNode):
        findings.add(path, "must be a mapping of fields")
        return
    seen: set[str] = set()
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
        below = f"{path}.{name}" if path else name
        place = (key.start_mark.line + 1, key.start_mark.column + 1)
        if name in seen:
            findings.found.append(Finding(*place, f"{below}: was given before"))
            continue
        seen.add(name)
        findings.places[below] = place
        yield name, below, value


def is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def parse_text(node: yaml.Node, _path: str, _findings: Findings) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise BadValue("must be text")
    return str(node.value)


def parse_flag(node: yaml.Node, _path: str, _findings: Findings) -> bool:
    word = str(node.value).lower()
    # What is quoted is text.
    if not isinstance(node, yaml.ScalarNode) or node.style or word not in TRUE | FALSE:
        raise BadValue("must be true or false")
    return word in TRUE


def parse_whole(node: yaml.Node, _path: str, _findings: Findings) -> int:
    if not isinstance(node, yaml.ScalarNode) or not WHOLE.fullmatch(str(node.value)):
        raise BadValue("must be a whole number")
    return int(node.value)


def parse_span(node: yaml.Node, _path: str, _findings: Findings) -> float:
    """Seconds of a duration as Go writes it: ``1m30s``, ``250ms``, ``0``."""
    text = str(node.value)
    parts = SPAN.findall(text)
    if not isinstance(node, yaml.ScalarNode) or (text != "0" and "".join(map("".join, parts)) != text) or not text:
        raise BadValue("must be a duration such as 1s, 250ms or 1m30s, or 0")
    return sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)


def one_of(choices: Mapping[str, Any], what: str) -> Parse:
    def parse(node: yaml.Node, path: str, findings: Findings) -> Any:
        word = parse_text(node, path, findings)
        if word not in choices:
            raise BadValue(f"unknown {what} {word!r}{did_you_mean(word, choices)}")
        return choices[word]

    return parse


def list_of(parse_item: Parse) -> Parse:
    def parse(node: yaml.Node, path: str, findings: Findings) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise BadValue("must be a list")
        items = []
        for number, child in enumerate(node.value):
            below = f"{path}.{number}"
            findings.places[below] = (child.start_mark.line + 1, child.start_mark.column + 1)
            items.append(parse_value(child, below, findings, parse_item))
        return tuple(items)

    return parse


def did_you_mean(word: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else f"; one of {', '.join(known)}" if known else ""
