"""From libyaml's events to plain values with their places: one pass, bounded in depth, number and time.

Composing nodes first would recurse as deep as the file says and unfold what aliases multiply; events do neither.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from remediator.model.errors import Problem
from remediator.policy.yaml.pitfalls import PREFIX, explained, kind_of, pitfall, plain
from remediator.policy.yaml.places import NO_KEY, Places, packed

MAX_DEPTH = 40
MAX_VALUES = 400_000
MAX_PROBLEMS = 100
LONGEST_MESSAGE = 300
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What YAML allows in a file at all; libyaml's own words for the others name no line.
_ODD = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_values(text: str, file: str) -> tuple[Places | None, list[Problem]]:
    """The values of YAML text, and all that is wrong with it; no values where nothing can be relied on."""
    reading = _Reading(text, file)
    try:
        return reading.document(), sorted(reading.problems)
    except _Hopeless:
        return None, sorted(reading.problems)
    except yaml.MarkedYAMLError as error:
        return None, sorted([*reading.problems, _syntax(error, text, file)])
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        return None, sorted([*reading.problems, Problem(file, 1, 1, f"not valid YAML: {said}", check="yaml/syntax")])


def lines_of(text: str) -> list[str]:
    """The lines as YAML counts them."""
    return _LINE_END.split(text)


class _Hopeless(Exception):
    """Reading on would cost too much or tell nothing more."""


class _Reading:
    """One pass over the events; ``problems`` holds what was wrong, also when the pass ended early."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.places = Places()
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[int, Any]] = {}
        self.open: set[str] = set()
        self.depth = 0
        self.events: Iterator[Any] = iter(())

    def document(self) -> Places:
        odd = _ODD.search(self.text)
        if odd:
            before = lines_of(self.text[: odd.start()])
            place = (len(before), len(before[-1]) + 1)
            raise self.hopeless(place, f"character U+{ord(odd[0]):04X} is not allowed in YAML", "file/encoding")
        # yaml.parse would ask twice for each event.
        self.events = iter(yaml.CSafeLoader(self.text).get_event, None)
        value, seen = None, False
        for event in self.events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if seen:
                message = "a second document (---) is not read; put it into a file of its own"
                raise self.hopeless(_at(event), message, "yaml/documents")
            value, seen = self.value(next(self.events), NO_KEY), True
        return Places(value, self.places.spots, self.places.keys, self.places.ends)

    def value(self, event: Any, key: int) -> Any:
        places, mark = self.places, event.start_mark
        index = len(places.spots)
        if index >= MAX_VALUES:
            raise self.hopeless(_at(event), f"holds more than {MAX_VALUES} values; split the file", "yaml/size")
        places.spots.append(packed(mark.line, mark.column))
        places.keys.append(key)
        places.ends.append(0)
        anchor = event.anchor
        if isinstance(event, yaml.AliasEvent):
            value = self.alias(event, index)
        elif anchor is not None:
            self.open.add(anchor)
            value = self.plain_or_inner(event)
            self.open.discard(anchor)
            self.anchors[anchor] = (index, value)
        else:
            value = self.plain_or_inner(event)
        places.ends[index] = len(places.spots)
        return value

    def plain_or_inner(self, event: Any) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if event.tag is not None and event.tag not in (PREFIX + "map", PREFIX + "seq", "!"):
            self.bad(_at(event), *pitfall(event.tag.removeprefix(PREFIX), ""))
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.hopeless(_at(event), f"is nested deeper than {MAX_DEPTH} levels", "yaml/depth")
        value = self.mapping() if isinstance(event, yaml.MappingStartEvent) else self.sequence()
        self.depth -= 1
        return value

    def sequence(self) -> list[Any]:
        values = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            values.append(self.value(event, NO_KEY))
        return values

    def mapping(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            mark = event.start_mark
            key = self.key(event)
            value = self.value(next(self.events), packed(mark.line, mark.column))
            if key in seen:
                message = f"key {_short(key)} was given before, on line {seen[key]}"
                self.bad(_at(event), message, "yaml/duplicate_key")
            elif key is not None:
                seen[key] = mark.line + 1
                values[key] = value
        return values

    def key(self, event: Any) -> str | None:
        """The key's text, or None where it is none; what is wrong with it has been told then."""
        if not isinstance(event, yaml.ScalarEvent):
            if not isinstance(event, yaml.AliasEvent):
                self.value(event, NO_KEY)
            self.bad(_at(event), "keys must be text", "yaml/key")
            return None
        kind = _kind(event)
        if kind == "merge":
            self.bad(_at(event), "merge keys (<<) are not read; write the fields out", "yaml/merge_key")
            return None
        message, check = pitfall(kind, event.value)
        if message:
            self.bad(_at(event), message, check)
            return None
        if kind in ("bool", "int", "float", "null"):
            self.bad(_at(event), "keys must be text; quote it", "yaml/key")
            return None
        return str(event.value)

    def scalar(self, event: Any) -> Any:
        kind, text = _kind(event), str(event.value)
        message, check = pitfall(kind, text)
        if not message:
            try:
                return plain(kind, text)
            except ValueError:
                message, check = f"tag {kind!r} does not fit {_short(text)}", "yaml/tag"
        self.bad(_at(event), message, check)
        return text

    def alias(self, event: Any, index: int) -> Any:
        """The anchored value once more; its inner places are the anchor's."""
        name, places = event.anchor, self.places
        if name in self.open:
            raise self.hopeless(_at(event), f"*{name} refers to itself", "yaml/alias")
        if name not in self.anchors:
            self.bad(_at(event), f"no anchor &{name} stands above this alias", "yaml/alias")
            return None
        first, value = self.anchors[name]
        last = places.ends[first]
        if index + last - first > MAX_VALUES:
            raise self.hopeless(_at(event), "aliases (*name) unfold into too many values", "yaml/size")
        places.spots.extend(places.spots[first + 1 : last])
        places.keys.extend(places.keys[first + 1 : last])
        places.ends.extend(end + index - first for end in places.ends[first + 1 : last])
        return value

    def bad(self, place: tuple[int, int], message: str, check: str) -> None:
        self.problems.append(Problem(self.file, *place, message[:LONGEST_MESSAGE], check=check))
        if len(self.problems) >= MAX_PROBLEMS:
            raise self.hopeless(place, f"{MAX_PROBLEMS} mistakes so far: the rest was not read", "yaml/syntax")

    def hopeless(self, place: tuple[int, int], message: str, check: str) -> _Hopeless:
        self.problems.append(Problem(self.file, *place, message, check=check))
        return _Hopeless()


def _kind(event: Any) -> str:
    if event.tag is None:
        return kind_of(event.value) if event.implicit[0] else "str"
    return "str" if event.tag == "!" else str(event.tag).removeprefix(PREFIX)


def _at(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    lines = lines_of(text)
    mark = error.problem_mark or error.context_mark
    # At the end of the file nothing is to be seen: what was begun and never closed says more.
    if mark and error.context_mark and mark.line >= len(lines) - (not lines[-1]):
        mark = error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if line >= len(lines) - (not lines[-1]) and line:
        line, column = max(0, len(lines) - 1 - (not lines[-1])), 0
        column = len(lines[line])
    character = lines[line][column : column + 1] if line < len(lines) else ""
    said = " ".join(part for part in (error.context, error.problem) if part)
    message, check = explained(said, character)
    return Problem(file, line + 1, column + 1, message, check=check)
