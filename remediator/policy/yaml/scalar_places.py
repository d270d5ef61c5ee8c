"""Where one character of a text stands in its file, whichever of YAML's five ways it is written in."""

import re

from remediator.policy.yaml.places import Place, Where
from remediator.policy.yaml.positions import Document

_ESCAPE = re.compile(r"\\(?:x..|u.{4}|U.{8}|.)", re.DOTALL)
_JOINT = re.compile(r"\\\n[ \t]*")


def place_in(document: Document, where: Where, offset: int) -> Place:
    """The place of the character at ``offset`` of the text at that path; the text's own where it cannot be told."""
    start, value = document.place(where), _value(document.value, where)
    lines = document.source(where)
    if not isinstance(value, str) or not lines or not 0 <= offset < len(value):
        return start
    head = lines[0][start.column - 1 :]
    if head.startswith("|"):
        return _literal(start, lines, value, offset)
    if head.startswith(">"):
        body = "\n".join(lines[1:])
        return _moved(Place(start.line + 1, 1), body, _aligned(body, value, offset, quote=""))
    quote = head[0] if head[:1] in ("'", '"') else ""
    source = "\n".join([head[len(quote) :], *lines[1:]])
    begin = Place(start.line, start.column + len(quote))
    return _moved(begin, source, _aligned(source, value, offset, quote=quote))


def _value(value: object, where: Where) -> object:
    for part in where:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _literal(start: Place, lines: list[str], value: str, offset: int) -> Place:
    """A block of lines as they are: only the indent is taken off."""
    before = value[:offset]
    first = next((line for line in lines[1:] if line.strip()), "")
    indent = len(first) - len(first.lstrip(" ")) - (len(value) - len(value.lstrip(" ")) if value[0] == " " else 0)
    return Place(start.line + 1 + before.count("\n"), indent + offset - before.rfind("\n"))


def _aligned(source: str, value: str, offset: int, *, quote: str) -> int:
    """How far the source has got when ``offset`` characters of the value have been read from it."""
    at = _past_space(source, 0) if not quote else 0
    for character in value[:offset]:
        at = _past_joint(source, at, quote)
        folds = character.isspace() and not (quote == '"' and source.startswith("\\", at))
        at = _past_space(source, at) if folds else _past_one(source, at, quote)
    return _past_joint(source, at, quote)


def _past_joint(source: str, at: int, quote: str) -> int:
    """Past a line's end that is escaped: it leaves nothing in the value."""
    joint = _JOINT.match(source, at) if quote == '"' else None
    return joint.end() if joint else at


def _past_space(source: str, at: int) -> int:
    """Past one space, or past a fold: a line's end with all the space around it."""
    end = at
    while end < len(source) and source[end].isspace():
        end += 1
    return end if "\n" in source[at:end] or at == 0 else min(at + 1, end)


def _past_one(source: str, at: int, quote: str) -> int:
    escape = _ESCAPE.match(source, at) if quote == '"' else None
    if escape:
        return escape.end()
    return at + (2 if quote == "'" and source.startswith("''", at) else 1)


def _moved(start: Place, source: str, count: int) -> Place:
    passed = source[:count]
    if "\n" not in passed:
        return Place(start.line, start.column + count)
    return Place(start.line + passed.count("\n"), count - passed.rfind("\n"))
